# shellcheck shell=bash
# Undo exactly one attempt: back to the system, the secrets and the generation that it recorded.
# Run by its timer, by the supervisor, or for a client that found the attempt abandoned.

main() {
  local previous from boot='' code=0 ended=0
  attempt=$state/attempts/$NONCE
  rm -f "$attempt/room"
  if ! advance rolling_back armed activating awaiting rolling_back; then
    # A commit under way was confirmed, and finishes; one whose supervisor died does not.
    if [ "$(fact phase)" != committing ] || supervised; then exit 0; fi
    advance rolling_back committing || exit 0
  fi
  : >>"$attempt/log" # a power cut may have taken it
  [ -e "$attempt/reason" ] ||
    note reason "neither activated nor confirmed within $WINDOW_SECONDS s"
  # A switch still running holds NixOS's own lock and ours.
  systemctl stop homelab-activate.service 2>/dev/null || true
  # Whoever else got the lock stages or builds, and must not keep the host from going back.
  lock 5 "rolling back from release $RELEASE" || say "not waiting for $(holder)"

  previous=$(fact previous)
  if [ -e "$attempt/secrets-before" ]; then
    ln -sfn "$(fact secrets-before)" "$state/secrets/$RELEASE"
  fi
  if [ -n "$(fact generation)" ] && [ "$(generation)" != "$(fact generation)" ]; then
    nix-env -p "$profile" --switch-generation "$(fact generation)" >>"$attempt/log" 2>&1 || code=1
    boot=yes # the boot loader may already name the new system
  fi
  from=$(($(wc -c <"$attempt/log") + 1))
  switch "$previous" test || ended=$?
  # What had failed before the attempt fails again: that is how the host was.
  if [ "$ended" = 4 ] && [ -e "$attempt/failed-before" ] && [ -n "$(blamed "$from")" ] &&
    [ -z "$(blamed "$from" | comm -13 "$attempt/failed-before" -)" ]; then ended=0; fi
  [ "$ended" = 0 ] || code=$ended
  # A boot loader that still starts the old system is left alone: it may have failed for want of room.
  if [ -n "$boot" ] && ! default_boots "$previous"; then switch "$previous" boot || code=$?; fi
  if [ "$code" = 0 ]; then
    advance rolled_back rolling_back
    rm -f "$attempt/previous-system" "$attempt/secrets-before"
  else
    advance failed_rollback rolling_back
  fi
  systemctl stop homelab-rollback.timer 2>/dev/null || true
}

main </dev/null
