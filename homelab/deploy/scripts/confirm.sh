# shellcheck shell=bash
# Over a fresh connection: is this the system we activated, and is it well? The last path to say
# so seals the attempt, and the supervisor commits. Ends with 75 for "not yet".

main() {
  local unit
  attempt=$state/attempts/$NONCE
  if [ "$(fact phase)" != awaiting ]; then
    say "attempt $NONCE is $(fact phase), not awaiting a confirmation"
    exit 75
  fi
  if [ "$(readlink -f "$running")" != "$(fact toplevel)" ]; then
    say "$running is $(readlink -f "$running"), not the system that was activated"
    exit 75
  fi
  for unit in "$@"; do
    if ! systemctl is-active --quiet "$unit"; then
      say "unit $unit is not active"
      exit 75
    fi
  done
  [ -z "$SEAL" ] || note confirmed "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

main "$@" </dev/null
