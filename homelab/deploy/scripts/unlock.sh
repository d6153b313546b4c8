# shellcheck shell=bash
# Release what was left behind: a script that still holds the host's lock, a deployment without a
# supervisor. With FORCE, also stop a script or roll back a deployment that is in progress.

# holders: processes that hold the host's lock: a script, or a build that outlived its script.
holders() {
  local file
  for file in /proc/[0-9]*/fd/9; do
    if [ "$(readlink "$file" 2>/dev/null)" = "$(readlink -f "$state/lock")" ]; then
      file=${file#/proc/}
      say "${file%/fd/9}"
    fi
  done
  [ -d /proc/self ] || sed -n 's/.*(pid \([0-9]*\),.*/\1/p' "$state/lock"
}

main() {
  local open pids
  open=$(open_deployment)
  # Without an open deployment, the supervisor only removes old releases.
  if [ -n "$open" ] && supervised && [ -z "$FORCE" ]; then
    deployment=$state/deployments/$open
    fail "deployment $open is in progress ($(fact phase)); wait until it ends, or roll it back with --force"
  fi
  if ! lock 5 "unlocking"; then
    [ -n "$FORCE" ] || fail "$(holder); wait, or end it with --force"
    exec 9>&- # do not list this script
    pids=$(holders)
    # shellcheck disable=SC2086 # numbers are words
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    say "stopping $(cat "$state/lock")"
    lock 30 "unlocking" || fail "$(holder), and it does not stop"
    open=$(open_deployment)
  fi
  if [ -e "$state/lease" ]; then
    say "removed the lease of the stack $(cut -d ' ' -f 1 "$state/lease")"
    rm -f "$state/lease"
  fi
  if [ -z "$open" ]; then
    say "nothing holds this host"
    return
  fi
  deployment=$state/deployments/$open
  go_back "released by homelab unlock"
  say "deployment $open is being rolled back"
}

main </dev/null
