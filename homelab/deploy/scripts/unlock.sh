# shellcheck shell=bash
# Let go of what was left behind: a script that still holds the host's lock, a deployment that nobody
# supervises. What is going on is left alone, unless FORCE says otherwise; then it is rolled back.

# holders: processes that hold the host's lock: a script, or a build that outlived its own.
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
  open=$(open_attempt)
  if supervised && [ -z "$FORCE" ]; then
    deployment=$state/deployments/$open
    fail "deployment $open is $(fact phase) and will end by itself; wait, or roll it back with --force"
  fi
  if ! lock 1 "unlocking"; then
    [ -n "$FORCE" ] || fail "$(holder); wait, or end it with --force"
    exec 9>&- # we are none of them
    pids=$(holders)
    # shellcheck disable=SC2086 # numbers are words
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    say "ends $(cat "$state/lock")"
    lock 30 "unlocking" || fail "$(holder), and it does not end"
    open=$(open_attempt)
  fi
  if [ -e "$state/lease" ]; then
    say "took the lease from the stack $(cut -d ' ' -f 1 "$state/lease")"
    rm -f "$state/lease"
  fi
  if [ -z "$open" ]; then
    say "nothing holds it"
    return
  fi
  deployment=$state/deployments/$open
  go_back "let go by hand"
  say "deployment $open is being rolled back"
}

main </dev/null
