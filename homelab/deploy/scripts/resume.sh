# shellcheck shell=bash
# After a restart that a switch asked for: the new system is watched from here on, and the old one
# knows that it came back. Run at boot by the system, and by the client when that did not happen.

main() {
  deployment=$state/deployments/$DEPLOYMENT_ID
  [ "$(fact mode)" = boot ] && [ "$(fact boot)" != "$(boot_id)" ] || exit 0
  case $(fact phase) in
    rebooting) ;;
    # A restart on the way back, or a power cut meanwhile.
    awaiting | committing | rolling_back)
      supervised || bash "$deployment/rollback.sh"
      exit
      ;;
    *) exit 0 ;;
  esac
  if [ "$(readlink -f "$running")" != "$(fact toplevel)" ]; then
    note reason "the host was restarted to start it, and came back with $(readlink -f "$running")"
    bash "$deployment/rollback.sh"
    exit
  fi
  # Both may have been asked for at once: at boot, and by the client.
  supervised && exit 0
  detach homelab-rollback "$deployment/rollback.sh" \
    --on-active="${WINDOW_SECONDS}s" --timer-property=AccuracySec=1s || true
  detach homelab-activate "$deployment/supervise.sh" --service-type=exec \
    --property=RuntimeMaxSec="$((LOCK_SECONDS + 2 * WINDOW_SECONDS))s"
}

main </dev/null
