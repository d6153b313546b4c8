# shellcheck shell=bash
# Resume a deployment after a restart that its switch asked for: supervise the new system, or roll
# back if another system came up. Run at boot by the system, or by the client if that did not happen.

main() {
  deployment=$state/deployments/$DEPLOYMENT_ID
  [ "$(fact mode)" = boot ] && [ "$(fact boot)" != "$(boot_id)" ] || exit 0
  case $(fact phase) in
    rebooting) ;;
    # The rollback restarted the host, or power was cut in this phase.
    awaiting | committing | rolling_back)
      supervised || bash "$deployment/rollback.sh"
      exit
      ;;
    *) exit 0 ;;
  esac
  if [ "$(readlink -f "$running")" != "$(fact toplevel)" ]; then
    note reason "the host was restarted to start it, and came up with $(readlink -f "$running")"
    bash "$deployment/rollback.sh"
    exit
  fi
  # The system at boot and the client may both run this.
  supervised && exit 0
  detach homelab-rollback "$deployment/rollback.sh" \
    --on-active="${WINDOW_SECONDS}s" --timer-property=AccuracySec=1s || true
  detach homelab-activate "$deployment/supervise.sh" --service-type=exec \
    --property=RuntimeMaxSec="$((LOCK_SECONDS + 2 * WINDOW_SECONDS))s"
}

main </dev/null
