# shellcheck shell=bash
# Around a transfer to a host that may be off: whether it is on, and whether it was off for too long.
# Runs as root.
set -euo pipefail

sent=${HOMELAB_SENT:-/var/lib/homelab/sent}/$2

# reach NAME HOST ADDRESS PORT SECONDS HOURS [WAKE]: 0 if the host is on. 1 if it is off, which is no
# failure. 255, once a day, if nothing was sent to it for so many hours: while it is off, it cannot tell
# that the replica is too old.
reach() {
  local second
  mkdir -p "${sent%/*}"
  [ -e "$sent" ] || touch "$sent"
  if [ $# -gt 6 ]; then "$7" || true; fi
  for ((second = 0; second < $5; second++)); do
    # shellcheck disable=SC2016 # the inner shell expands it
    if timeout 1 bash -c ': <"/dev/tcp/$0/$1"' "$3" "$4" 2>/dev/null; then return 0; fi
    sleep 1
  done
  if [ $(($(date +%s) - $(stat --format %Y "$sent"))) -le $(($6 * 3600)) ] ||
    [ -n "$(find "$sent.told" -mmin -1440 2>/dev/null)" ]; then
    return 1
  fi
  touch "$sent.told"
  echo "$2 is off, and ${1%%_*} was last sent there on $(date --reference "$sent" '+%F %H:%M')" >&2
  return 255
}

# arrived NAME: after a transfer that succeeded.
arrived() {
  rm -f "$sent.told"
  touch "$sent"
}

"$1" "${@:2}"
