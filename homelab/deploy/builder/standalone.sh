# shellcheck shell=bash
# Library of scripts on machines that need not have anything of homelab: the target of an
# installation, and a machine that builds. Paths, and steps that are done once.

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
