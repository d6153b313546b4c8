# shellcheck shell=bash
# Report the state of the host as lines of «key value»; takes no lock and changes nothing. With SEEN,
# the phase that the client knows, first wait until the deployment has another one, for at most
# WAIT_SECONDS.

# changed: whether the phase is another one. A commit takes moments, and its last writes come after
# its last phase.
changed() {
  local phase
  phase=$(fact phase)
  case $phase in
    "$SEEN" | committing) return 1 ;;
    committed) [ "$(current)" = "$(fact release)" ] ;;
    tested | prepared) [ "$(provisional)" = "$DEPLOYMENT_ID" ] ;;
  esac
}

wait_for_change() {
  deployment=$state/deployments/$DEPLOYMENT_ID
  watch
  until changed || [ "$SECONDS" -ge "$WAIT_SECONDS" ]; do pause; done
}

main() {
  local release=$state/releases/$RELEASE open=$DEPLOYMENT_ID failed boots phase
  [ -z "$SEEN" ] || wait_for_change
  say "release $(current)"
  say "before $(content "$state/before")"
  say "before-secrets $(content "$state/releases/$(content "$state/before")/committed")"
  say "again $(content "$state/again")"
  say "booted $(readlink -f "$root/run/booted-system" || true)"
  say "committed $(readlink -f "$state/releases/$(current)/result" || true)"
  say "secrets $(content "$state/releases/$(current)/committed")"
  say "running $(readlink -f "$running" || true)"
  say "default $(readlink -f "$profile" || true)"
  # Slow, so only for `homelab status` and for reports.
  if [ -n "$FULL" ] || [ "$LOG_LINES" != 0 ]; then
    boots=0
    default_boots "$(readlink -f "$profile")" || boots=$?
    [ "$boots" != 1 ] || say "loader another"
  fi
  [ -z "$RELEASE" ] || [ ! -d "$release/flake" ] || say "staged yes"
  say "built $([ ! -e "$release/result" ] || readlink -f "$release/result")"
  [ ! -L "$state/secrets/.next.$RELEASE" ] || say "rotation pending"
  if [ -n "$(provisional)" ]; then
    deployment=$state/deployments/$(provisional)
    say "provisional $(fact how)"
    say "provisional-release $(fact release)"
    say "provisional-secrets $(fact secrets)"
    say "provisional-again $(fact again)"
    say "provisional-system $(fact toplevel)"
  fi
  ! waits_for_boot "$running" >/dev/null || say "reboot wanted"
  if [ -n "$FULL" ]; then
    failed=$(failed_units auto-restart | tr '\n' ' ')
    say "failed ${failed% }"
    ! command -v homelab-backup >/dev/null || say "backups $(homelab-backup status)"
    ! command -v homelab-replica >/dev/null || say "replicas $(homelab-replica status)"
  fi

  [ -n "$open" ] || open=$(open_deployment)
  deployment=$state/deployments/$open
  if [ -z "$open" ] || [ ! -d "$deployment" ]; then return; fi
  say "deployment $open"
  phase=$(fact phase)
  say "phase $phase"
  case $phase in
    committed | tested | prepared | rolled_back | failed_rollback) ;;
    *) ! supervised || say "supervised yes" ;;
  esac
  say "deployment-release $(fact release)"
  say "deployment-secrets $(fact secrets)"
  say "deployment-paths $(fact paths)"
  say "deployment-again $(fact again)"
  say "deployment-external $(fact external)"
  say "deployment-system $(fact toplevel)"
  say "mode $(fact mode)"
  say "restarted $(fact restarted)"
  say "reason $(fact reason)"
  [ "$(fact boot)" = "$(boot_id)" ] || say "rebooted yes"
  if [ -e "$deployment/log" ]; then
    tail -n "$LOG_LINES" "$deployment/log" | cut -b 1-1000 | sed 's/^/log /'
  fi
}

main </dev/null
