# shellcheck shell=bash
# Shared by the scripts on the target of an installation: paths, and steps that are done once.

set -euo pipefail
umask 022 # nixos-install wants directories that everybody can enter

root=${HOMELAB_ROOT:-}         # empty in production, a directory in the lab
work=$root/run/homelab-install # in memory: a restart forgets it
mounted=$root/mnt

fail() {
  printf 'homelab: %s\n' "$*" >&2
  exit 1
}

# alone WHAT: only one installation at a time works on this machine.
alone() {
  mkdir -p "$work/done"
  chmod 700 "$work"
  exec 9<>"$work/lock"
  flock -n 9 || fail "another installation is at work on this machine; wait until it ends, or restart the machine"
}

# is_done STEP MARK: whether this machine has finished the step with the same mark since it started.
is_done() { [ -f "$work/done/$1" ] && [ "$(cat "$work/done/$1")" = "$2" ]; }

finished() { printf '%s\n' "$2" >"$work/done/$1"; }

# lend DIRECTORY…: keep the passwords of binary caches in a file for this script, in the first of the
# directories that takes it: `$lent/netrc`. `lent` stays empty without passwords; who calls this
# removes it when the script ends. Nix reads one such file, so it has this machine's own passwords too.
lent=''
lend() {
  local place own
  [ -n "${NETRC_TEXT:-}" ] || return 0
  for place; do
    lent=$(mktemp -d "$place/homelab-netrc.XXXXXX" 2>/dev/null) && break
  done
  [ -n "$lent" ] || fail "no directory takes the passwords of caches ($*); make one of them writable"
  own=$(flakes show-config 2>/dev/null | sed -n 's/^netrc-file = //p') || true
  (
    umask 077
    printf '%s\n' "$NETRC_TEXT" >"$lent/netrc"
    cat "${own:-/etc/nix/netrc}" >>"$lent/netrc" 2>/dev/null || true
  )
}

flakes() { nix --extra-experimental-features 'nix-command flakes' "$@"; }

# logged LOG COMMAND…: run it; its output goes to the log, and the end of it to the person if it fails.
logged() {
  local log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" | cut -b 1-2000 >&2
    fail "$log: it failed (last lines above)"
  }
}
