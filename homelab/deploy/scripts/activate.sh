# shellcheck shell=bash
# Begin an attempt: arm the rollback, then start the supervisor; both outlive this connection.
# Ends with 75 when another attempt is still open; the client decides what becomes of that one.

main() {
  local toplevel previous open
  take_lock "starting the switch to $RELEASE"
  open=$(open_attempt)
  if [ -n "$open" ]; then
    say "attempt $open is still open"
    exit 75
  fi
  toplevel=$(readlink -f "$state/releases/$RELEASE/result" || true)
  [ -x "$toplevel/bin/switch-to-configuration" ] ||
    fail "$state/releases/$RELEASE: not built here; run pulumi up, which builds it first"
  preflight "$toplevel" || fail "nothing was activated"
  previous=$(readlink -f "$running")

  attempt=$state/attempts/$NONCE
  [ -e "$attempt/phase" ] || rm -rf "$attempt" # one that was cut short before it began
  mkdir "$attempt"
  say "$RELEASE" >"$attempt/release"
  say "$SECRETS_VERSION" >"$attempt/secrets"
  say "$toplevel" >"$attempt/toplevel"
  say "$previous" >"$attempt/previous"
  generation >"$attempt/generation"
  boot_id >"$attempt/boot"
  answering >"$attempt/answered"
  say "$PATHS" >"$attempt/paths"
  say "$AGAIN" >"$attempt/again"
  say "$OUTSIDE" >"$attempt/outside"
  if boot_mode "$toplevel"; then say boot >"$attempt/mode"; fi
  # The way back must not be garbage-collected while it may be needed.
  nix-store --realise "$previous" --add-root "$attempt/previous-system" --indirect >/dev/null
  printf '%s' "$SUPERVISE" >"$attempt/supervise.sh"
  printf '%s' "$ROLLBACK" >"$attempt/rollback.sh"
  printf '%s' "$RESUME" >"$attempt/resume.sh"
  # Whatever fills the disk meanwhile, a rollback can still write down how far it is.
  head -c 65536 /dev/urandom >"$attempt/room"
  flush "$attempt"/*
  note phase armed

  # Units of an attempt that has ended may still be loaded, and would keep the names.
  systemctl stop homelab-rollback.timer homelab-rollback.service 2>/dev/null || true
  systemctl reset-failed homelab-rollback.service homelab-activate.service 2>/dev/null || true
  # The timer bounds all but the commit, whose boot loader's installer may hang as well.
  if ! { detach homelab-rollback "$attempt/rollback.sh" \
    --on-active="${WINDOW_SECONDS}s" --timer-property=AccuracySec=1s &&
    detach homelab-activate "$attempt/supervise.sh" --service-type=exec \
      --property=RuntimeMaxSec="$((LOCK_SECONDS + 2 * WINDOW_SECONDS))s"; }; then
    systemctl stop homelab-rollback.timer 2>/dev/null || true
    note reason "systemd-run did not start the units of the switch; nothing was activated"
    advance rolled_back armed || true
    fail "$attempt: $(fact reason)"
  fi
  say "attempt $NONCE has begun"
}

main </dev/null
