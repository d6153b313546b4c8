# shellcheck shell=bash
# Check over a new connection that the activated system runs and works. The check over the last path
# seals the deployment, and the supervisor commits. Exits 75 for "not yet"; «wait SECONDS» on standard
# output says when a next try is worth it, if that is known.

# calm: whether systemd has restarted no service for SETTLE_SECONDS. A service that keeps crashing
# is active most of the time, so its state alone does not show it.
calm() {
  local now unit left
  [ "$SETTLE_SECONDS" -gt 0 ] || return 0
  now=$(restarts | while read -r unit times; do
    case " $MAY_FAIL $(tr '\n' ' ' <"$deployment/failed-before") " in
      *" $unit "*) ;;
      *) say "$unit $times" ;;
    esac
  done)
  if [ ! -e "$deployment/restarts" ] || [ "$now" != "$(cat "$deployment/restarts")" ]; then
    say "wait $SETTLE_SECONDS"
    if [ -e "$deployment/restarts" ]; then
      say "restarted by systemd: $(say "$now" | comm -13 "$deployment/restarts" - | cut -d ' ' -f 1 | tr '\n' ' ')"
    else
      say "watching for $SETTLE_SECONDS s that no service restarts"
    fi
    say "$now" >"$deployment/restarts"
    seconds >"$deployment/calm-since"
    return 1
  fi
  left=$(($(fact calm-since) + SETTLE_SECONDS - $(seconds)))
  [ "$left" -gt 0 ] || return 0
  say "wait $left"
  say "watching for $SETTLE_SECONDS s that no service restarts"
  return 1
}

main() {
  local unit lost name
  deployment=$state/deployments/$DEPLOYMENT_ID
  if [ "$(fact phase)" != awaiting ]; then
    say "deployment $DEPLOYMENT_ID is $(fact phase), not awaiting a confirmation"
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
  if [ -n "$SEAL" ]; then
    # A unit that systemd no longer restarts has failed, and is not seen by calm.
    lost=$(failed_units failed | worse | tr '\n' ' ')
    if [ -n "$lost" ]; then
      say "failed since the switch: ${lost% }"
      exit 75
    fi
    calm || exit 75
    answering >"$deployment/answers"
    lost=$(comm -23 "$deployment/answered" "$deployment/answers" | tr '\n' ' ')
    if [ -n "$lost" ]; then
      say "answered before the switch, and does not now: ${lost% }"
      exit 75
    fi
    while read -r _ name _; do
      if [ -n "$name" ] && ! grep -Fqx "$name" "$deployment/answers"; then
        say "homelab: does not answer yet: $name" >>"$deployment/log"
      fi
    done <<<"$PROBES"
  fi
  [ -n "$SEAL" ] || return 0
  note confirmed "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  announce
}

main "$@" </dev/null
