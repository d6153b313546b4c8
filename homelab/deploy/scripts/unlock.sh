# shellcheck shell=bash
# Let go of what was left behind: a script that still holds the host's lock, an attempt that nobody
# supervises. What is going on is left alone, unless FORCE says otherwise; then it is rolled back.

main() {
  local open pid
  open=$(open_attempt)
  if supervised && [ -z "$FORCE" ]; then
    attempt=$state/attempts/$open
    fail "attempt $open is $(fact phase) and will end by itself; wait, or roll it back with --force"
  fi
  if ! lock 1 "unlocking"; then
    [ -n "$FORCE" ] || fail "$(holder); wait, or end it with --force"
    pid=$(sed -n 's/.*(pid \([0-9]*\),.*/\1/p' "$state/lock")
    say "ended $(cat "$state/lock")"
    kill "$pid" 2>/dev/null || true
    lock 30 "unlocking" || fail "$(holder), and it does not end"
  fi
  if [ -e "$state/lease" ]; then
    say "took the lease from the stack $(cut -d ' ' -f 1 "$state/lease")"
    rm -f "$state/lease"
  fi
  if [ -z "$open" ]; then
    say "nothing holds it"
    return
  fi
  attempt=$state/attempts/$open
  go_back "let go by hand"
  say "attempt $open is rolled back"
}

main </dev/null
