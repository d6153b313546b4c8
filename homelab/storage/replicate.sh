# shellcheck shell=bash
# What root does for a transfer of syncoid, which runs as another user: a snapshot, and the right to
# send it.
set -euo pipefail

# zfs of the booted system: it fits the kernel's module.
zfs=${HOMELAB_ZFS:-/run/booted-system/sw/bin/zfs}
kept=24

# own DATASET PREFIX: its snapshots that were made for this replica, the oldest first.
own() {
  local one
  "$zfs" list -H -d 1 -t snapshot -o name -s createtxg "$1" | while IFS= read -r one; do
    case $one in "$1@$2"*) printf '%s\n' "$one" ;; esac
  done
}

# begin DATASET PREFIX USER: the oldest is the last that arrived, or the first of a transfer that
# continues. Of those that did not arrive, a day of hourly ones stays.
begin() {
  local one
  "$zfs" allow -u "$3" hold,send "$1"
  "$zfs" snapshot "$1@$2$(date --utc +%Y-%m-%dT%H:%M:%SZ)"
  own "$1" "$2" | sed 1d | head -n "-$kept" | while IFS= read -r one; do "$zfs" destroy "$one"; done
}

# end DATASET PREFIX USER: after a transfer that succeeded, the newest is what both hosts have.
end() {
  local one
  "$zfs" unallow -u "$3" hold,send "$1"
  [ "${SERVICE_RESULT:-}" = success ] || return 0
  own "$1" "$2" | head -n -1 | while IFS= read -r one; do "$zfs" destroy "$one"; done
}

"$@"
