# shellcheck shell=bash
# Begin a deployment: arm the rollback, then start the supervisor; both outlive this connection.
# Exits 75 when another deployment is still open; the client decides what to do about that one.

# begin: arm the rollback, then start the supervisor. The timer bounds everything but the commit;
# RuntimeMaxSec bounds that too, as the boot loader's installer may hang.
begin() {
  detach homelab-rollback "$deployment/rollback.sh" \
    --on-active="${WINDOW_SECONDS}s" --timer-property=AccuracySec=1s &&
    detach homelab-activate "$deployment/supervise.sh" --service-type=exec \
      --property=RuntimeMaxSec="$((LOCK_SECONDS + 2 * WINDOW_SECONDS))s"
}

# free_names: units of an earlier deployment, which has ended, may still be loaded and occupy the names.
free_names() {
  systemctl stop homelab-rollback.timer homelab-rollback.service homelab-activate.service 2>/dev/null || true
  systemctl reset-failed homelab-rollback.service homelab-activate.service 2>/dev/null || true
}

# after_boot: this system was made the boot default with `boot` and has been booted, so the baseline
# is that of the system before it, and a rollback goes back to that.
after_boot() {
  local before file
  is_provisional "$1" || return 0
  before=$state/deployments/$(provisional)
  if [ "$(content "$before/how")" != boot ] || [ "$previous" != "$1" ] ||
    [ "$(content "$before/previous")" = "$1" ]; then return 0; fi
  [ -x "$(content "$before/previous")/bin/switch-to-configuration" ] || return 0
  previous=$(content "$before/previous")
  for file in generation answered failed-before; do cp "$before/$file" "$deployment/$file"; done
  say "$(content "$before/paths") $PATHS" | tr ' ' '\n' | sort -u | tr '\n' ' ' >"$deployment/paths"
  printf '%s\t%s\n' "$(content "$before/external")" "$EXTERNAL" >"$deployment/external"
  # The boot loader starts this system, and a rollback has to change that.
  note loader touched
}

# instead_of_boot: another system was made the boot default with `boot` and was not booted. A rollback
# goes back to the generation before it, which is the committed one.
instead_of_boot() {
  local before
  [ "$MODE" = boot ] && is_provisional "$(readlink -f "$profile")" || return 0
  before=$state/deployments/$(provisional)
  [ "$(content "$before/how")" = boot ] && [ "$(content "$before/previous")" = "$previous" ] || return 0
  cp "$before/generation" "$deployment/generation"
  note loader touched
}

main() {
  local toplevel previous open
  take_lock "starting the switch to $RELEASE"
  open=$(open_deployment)
  if [ -n "$open" ]; then
    say "deployment $open is still open"
    exit 75
  fi
  toplevel=$(readlink -f "$state/releases/$RELEASE/result" || true)
  [ -x "$toplevel/bin/switch-to-configuration" ] ||
    fail "$state/releases/$RELEASE: not built here; run pulumi up, which builds it first"
  # The probes take longer than the checks of the system, and neither changes anything. A probe that
  # outlives this script holds neither the lock nor the connection.
  exec 5< <(exec 9>&- 2>/dev/null && answering)
  previous=$(readlink -f "$running")
  # The build left its notes about a switch from this system.
  if [ "$(content "$state/releases/$RELEASE/noted")" = "$previous" ]; then
    noted=yes notes=$(content "$state/releases/$RELEASE/notes")
    [ -z "$notes" ] || notes=$notes$'\n'
  fi
  preflight "$toplevel" || fail "nothing was activated"

  deployment=$state/deployments/$DEPLOYMENT_ID
  [ -e "$deployment/phase" ] || rm -rf "$deployment" # interrupted before it began
  mkdir "$deployment"
  say "$RELEASE" >"$deployment/release"
  say "$SECRETS_VERSION" >"$deployment/secrets"
  say "$toplevel" >"$deployment/toplevel"
  generation >"$deployment/generation"
  boot_id >"$deployment/boot"
  cat <&5 >"$deployment/answered"
  exec 5<&-
  say "$PATHS" >"$deployment/paths"
  say "$AGAIN" >"$deployment/again"
  say "$EXTERNAL" >"$deployment/external"
  say "$MODE" >"$deployment/how"
  after_boot "$toplevel"
  instead_of_boot
  if boot_mode "$toplevel"; then
    say boot >"$deployment/mode"
    # A restart ends a test, so what it may return to is the boot default.
    if [ "$(content "$state/deployments/$(provisional)/how")" = test ] && is_provisional "$previous"; then
      previous=$(readlink -f "$profile")
    fi
  fi
  say "$previous" >"$deployment/previous"
  # The previous system must not be garbage-collected while a rollback may need it.
  nix-store --realise "$previous" --add-root "$deployment/previous-system" --indirect >/dev/null
  printf '%s' "$SUPERVISE" >"$deployment/supervise.sh"
  printf '%s' "$ROLLBACK" >"$deployment/rollback.sh"
  printf '%s' "$RESUME" >"$deployment/resume.sh"
  # Reserve space: if the disk fills up, the rollback deletes this file and can write its phase.
  head -c 65536 /dev/urandom >"$deployment/reserve"
  flush_all "$deployment"
  note phase armed

  if ! { begin 2>/dev/null || { free_names && begin; }; }; then
    systemctl stop homelab-rollback.timer 2>/dev/null || true
    note reason "systemd-run did not start the units of the switch; nothing was activated"
    advance rolled_back armed || true
    fail "$deployment: $(fact reason)"
  fi
  say "deployment $DEPLOYMENT_ID has begun"
}

main </dev/null
