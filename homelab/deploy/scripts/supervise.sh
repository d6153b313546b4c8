# shellcheck shell=bash
# The detached half of a switch: activate, wait to be confirmed, commit. It holds the host's lock
# from beginning to end, and hands every failure to the one rollback.

give_up() {
  rm -f "$attempt/room"
  note reason "$1"
  advance rolling_back activating awaiting committing || exit 0
  # Should this not start it, the timer will.
  systemctl start --no-block homelab-rollback.service || true
  exit 1
}

# Nothing is undone but the link to the secrets: the old system's own switch would have to wait for
# the very lock that this one did not get.
untouched() {
  note reason "nothing was activated; $1"
  if [ -e "$attempt/secrets-before" ]; then ln -sfn "$(fact secrets-before)" "$live"; fi
  advance rolled_back armed activating && systemctl stop homelab-rollback.timer
  rm -f "$attempt/previous-system" "$attempt/secrets-before" "$attempt/room"
  exit 1
}

# The boot default moves only here, after the confirmation. Then old releases go.
commit() {
  local code=0
  nix-env -p "$profile" --set "$1" >>"$attempt/log" 2>&1 9>&- && switch "$1" boot || return 1
  default_boots "$1" || code=$?
  [ "$code" != 1 ] || say "homelab: the boot loader's default is not the new system" >>"$attempt/log"
  [ "$code" != 1 ]
}

# Exit 4: units failed. Those that had failed before are no fault of this switch, and those that
# the stack lets fail are none either.
bearable() {
  local unit worse=''
  # An activation script that failed ends with 2, unless a unit fails too: then that is all it says.
  ! grep -q '^Activation script snippet .* failed\|^Failed to run activate script' "$attempt/log" || return 1
  blamed 1 >"$attempt/failed-after"
  [ -s "$attempt/failed-after" ] || return 1
  for unit in $(comm -13 "$attempt/failed-before" "$attempt/failed-after"); do
    case " $MAY_FAIL " in
      *" $unit "*) ;;
      *) worse="$worse $unit" ;;
    esac
  done
  if [ -n "$worse" ]; then
    note failed "${worse# }"
    return 1
  fi
  say "homelab: failed as before or as allowed: $(tr '\n' ' ' <"$attempt/failed-after")" >>"$attempt/log"
}

# Keep the running release, the one before, and any that was staged later and waits for its turn.
prune() {
  local path name
  for path in "$state"/releases/*; do
    name=${path##*/}
    if [ "$name" = "$RELEASE" ] || [ "$name" = "$1" ] ||
      [ "$path/flake" -nt "$state/releases/$RELEASE/flake" ]; then continue; fi
    # Out of the way in one step: half a release must never look like a whole one.
    rm -rf "$state/releases/.$name.gone" "$state/secrets/$name" "$state/secrets/.next.$name"
    mv "$path" "$state/releases/.$name.gone"
    rm -rf "$state/releases/.$name.gone"
  done
  # An attempt is its log; the last few are worth reading.
  find "$state/attempts" -mindepth 1 -maxdepth 1 -type d ! -name "$NONCE" -mtime +30 \
    -exec rm -rf {} +
  rm -f "$attempt/previous-system" "$attempt/secrets-before" "$attempt/room"
  prune_sets
}

# why CODE: what an exit code of the switch means.
why() {
  case $1 in
    4) say "; failed: $(fact failed)" ;;
    100) say ": it cannot be switched to while the old one runs, only booted" ;;
  esac
}

main() {
  local toplevel code=0 looks before live=$state/secrets/$RELEASE
  attempt=$state/attempts/$NONCE
  stay_awake
  lock "$LOCK_SECONDS" "switching to release $RELEASE" || untouched "$(holder)"
  advance activating armed || exit 0
  toplevel=$(fact toplevel)

  if [ -L "$state/secrets/.next.$RELEASE" ]; then
    note secrets-before "$(readlink "$live")"
    ln -sfn "$(readlink "$state/secrets/.next.$RELEASE")" "$live"
  fi
  failed_units >"$attempt/failed-before"
  switch "$toplevel" test || code=$?
  [ "$code" != 75 ] || untouched "another switch of this host held NixOS's lock all the time"
  if [ "$code" = 4 ] && bearable; then code=0; fi
  [ "$code" = 0 ] || give_up "switch-to-configuration test ended with $code$(why "$code")"
  advance awaiting activating || exit 0

  # Counted, not told by the clock, which a host without a battery may set in the middle of this.
  looks=$((CONFIRM_SECONDS * 5))
  until [ -e "$attempt/confirmed" ]; do
    [ "$(fact phase)" = awaiting ] || exit 0
    [ "$looks" -gt 0 ] || give_up "not confirmed within $CONFIRM_SECONDS s"
    looks=$((looks - 1))
    sleep 0.2
  done
  advance committing awaiting || exit 0
  commit "$toplevel" || give_up "confirmed, but it could not be made the boot default"

  before=$(current)
  [ "$before" != "$RELEASE" ] || before=$(cat "$state/before" 2>/dev/null || true)
  advance committed committing || exit 1
  systemctl stop homelab-rollback.timer || true
  rm -f "$state/secrets/.next.$RELEASE"
  write "$state/before" "$before"
  write "$state/releases/$RELEASE/committed" "$SECRETS_VERSION"
  write "$state/again" "$(fact again)"
  write "$state/current" "$RELEASE"
  prune "$before"
}

main </dev/null
