# shellcheck shell=bash
# The detached part of a switch: activate, wait for the confirmation, commit. It holds the host's
# lock throughout. On any failure it starts the rollback.

give_up() {
  rm -f "$deployment/reserve"
  note reason "$1"
  advance rolling_back activating rebooting awaiting committing || exit 0
  # If this does not start the rollback, its timer does, unless it has already fired.
  go_back "$1" || true
  exit 1
}

# Nothing was activated, so only the link to the secrets is restored. A switch to the old system
# would wait for the lock that this one did not get.
untouched() {
  note reason "nothing was activated; $1"
  if [ -e "$deployment/secrets-before" ]; then ln -sfn "$(fact secrets-before)" "$live"; fi
  advance rolled_back armed activating && systemctl stop homelab-rollback.timer
  rm -f "$deployment/previous-system" "$deployment/secrets-before" "$deployment/reserve"
  exit 1
}

# The boot default changes here only, after the confirmation. Then old releases are removed.
commit() {
  local code=0
  if [ -n "$(fact own-generation)" ]; then # start_once made it before the restart
    set -- "$1" --switch-generation "$(fact own-generation)"
  else
    set -- "$1" --set "$1"
  fi
  # From here on a rollback has to check the boot loader.
  note loader touched || return 1
  nix-env -p "$profile" "$2" "$3" >>"$deployment/log" 2>&1 9>&- && switch "$1" boot || return 1
  default_boots "$1" || code=$?
  [ "$code" != 1 ] || say "homelab: the boot loader's default is not the new system" >>"$deployment/log"
  [ "$code" != 1 ]
}

# prepare SYSTEM: make it the boot default and activate nothing. The reboot is not ours, and a check
# follows it.
prepare() {
  local code=0
  failed_units auto-restart >"$deployment/failed-before"
  if [ -L "$state/secrets/.next.$RELEASE" ]; then
    note secrets-before "$(readlink "$live")"
    ln -sfn "$(readlink "$state/secrets/.next.$RELEASE")" "$live"
  fi
  note loader touched || give_up "its state could not be written"
  if ! { nix-env -p "$profile" --set "$1" >>"$deployment/log" 2>&1 9>&- && switch "$1" boot; }; then
    give_up "it could not be made the boot default"
  fi
  default_boots "$1" || code=$?
  [ "$code" != 1 ] || give_up "the boot loader's default is not the new system"
  end_provisional prepared activating
}

# end_provisional PHASE FROM: end with a system that is not committed; a later `switch` does that.
end_provisional() {
  write "$state/provisional" "$DEPLOYMENT_ID"
  advance "$1" "$2" || exit 0
  systemctl stop homelab-rollback.timer || true
  rm -f "$state/secrets/.next.$RELEASE" \
    "$deployment/previous-system" "$deployment/secrets-before" "$deployment/reserve"
  give_back_lease
  announce
  exit 0
}

# start_once SYSTEM: restart the host into it. It gets a boot entry, and the old system stays the
# default, so that the boot after this one starts the old system even if this one fails.
start_once() {
  local previous entry
  previous=$(fact previous)
  nix-env -p "$profile" --set "$1" >>"$deployment/log" 2>&1 9>&- || give_up "it could not be made a generation of the profile"
  note own-generation "$(generation)"
  # Before the boot loader changes: after a power cut, a rollback then knows to check it.
  note loader touched
  advance rebooting activating || exit 0
  if [ "$REBOOT" = always ] && ! boots_once; then
    switch "$1" boot || give_up "it could not be made the boot default"
  else
    # The installer writes the entries of all generations; the system that runs it becomes the default.
    if ! { nix-env -p "$profile" --switch-generation "$(fact generation)" >>"$deployment/log" 2>&1 9>&- &&
      switch "$previous" boot && default_boots "$previous"; }; then
      give_up "the boot loader has no entry for it beside the old system"
    fi
    entry=$(entry_of "$1")
    if ! { [ -n "$entry" ] && bootctl set-oneshot "$entry" >>"$deployment/log" 2>&1; }; then
      give_up "the boot loader did not accept it as the one-time boot"
    fi
  fi
  note restarted "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  [ "$(fact phase)" = rebooting ] || exit 0 # a rollback has begun
  say "homelab: restarts this host to start $1 once" >>"$deployment/log"
  flush "$deployment/log"
  systemctl --no-block reboot || give_up "systemctl reboot failed"
  exit 0
}

# started: whether all units of this boot have started. Waits until systemd has finished.
started() {
  local looks=$((CONFIRM_SECONDS * 5))
  while [ "$looks" -gt 0 ]; do
    # It exits 1 with these answers.
    case $(systemctl is-system-running 2>/dev/null || true) in
      initializing | starting) ;;
      *) break ;;
    esac
    looks=$((looks - 1))
    sleep 0.2
  done
  # A unit in auto-restart at boot may still succeed; the confirmation counts its restarts.
  failed_units failed >"$deployment/failed-after"
  bearable_units
}

# Exit 4: units failed. Units that had failed before the switch, or that the stack allows to fail, do
# not count.
bearable() {
  # A failed activation script gives exit 2, but exit 4 if a unit fails too; the log shows both.
  ! grep -q '^Activation script snippet .* failed\|^Failed to run activate script' "$deployment/log" || return 1
  blamed 1 >"$deployment/failed-after"
  [ -s "$deployment/failed-after" ] && bearable_units
}

# Whether all units that failed now had failed before, or are allowed to.
bearable_units() {
  local found
  found=$(worse <"$deployment/failed-after" | tr '\n' ' ')
  if [ -n "$found" ]; then
    note failed "${found% }"
    return 1
  fi
  [ ! -s "$deployment/failed-after" ] ||
    say "homelab: failed before, or allowed to fail: $(tr '\n' ' ' <"$deployment/failed-after")" >>"$deployment/log"
}

# Keep the running release, the previous one, and releases that were staged later. The secrets of
# the others stay for as long as the boot menu can start their generation.
prune() {
  local path name kept=''
  for path in "$profile"-*-link; do
    kept="$kept $(content "$path/etc/homelab/release")"
  done
  for path in "$state"/releases/*; do
    name=${path##*/}
    if [ "$name" = "$RELEASE" ] || [ "$name" = "$1" ] ||
      [ "$path/flake" -nt "$state/releases/$RELEASE/flake" ]; then continue; fi
    # Rename first: a half-deleted release must never look complete.
    rm -rf "$state/releases/.$name.gone"
    mv "$path" "$state/releases/.$name.gone"
    rm -rf "$state/releases/.$name.gone"
  done
  for path in "$state"/secrets/*; do
    name=${path##*/}
    if [ -e "$state/releases/$name" ] || [ "$path" -nt "$state/releases/$RELEASE/flake" ]; then continue; fi
    case "$kept " in *" $name "*) continue ;; esac
    rm -rf "$path" "$state/secrets/.next.$name"
  done
  # Keep the logs of deployments for 30 days.
  find "$state/deployments" -mindepth 1 -maxdepth 1 -type d ! -name "$DEPLOYMENT_ID" -mtime +30 \
    -exec rm -rf {} +
  rm -f "$deployment/previous-system" "$deployment/secrets-before" "$deployment/reserve"
  prune_sets
}

# why CODE: the meaning of an exit code of switch-to-configuration.
why() {
  case $1 in
    4) say "; failed: $(fact failed)" ;;
    100) say ": it can be booted, but not switched to while the old system runs" ;;
  esac
}

# activate SYSTEM: its secrets first, then the system, live or by a restart.
activate() {
  local code=0
  if [ -L "$state/secrets/.next.$RELEASE" ]; then
    note secrets-before "$(readlink "$live")"
    ln -sfn "$(readlink "$state/secrets/.next.$RELEASE")" "$live"
  fi
  # After a `boot`, these are the units from before it.
  [ -e "$deployment/failed-before" ] || failed_units auto-restart >"$deployment/failed-before"
  [ "$(fact mode)" != boot ] || start_once "$1"
  switch "$1" test || code=$?
  [ "$code" != 75 ] || untouched "another switch of this host held NixOS's lock throughout"
  if [ "$code" = 4 ] && bearable; then code=0; fi
  [ "$code" = 0 ] || give_up "switch-to-configuration test ended with $code$(why "$code")"
}

# Delete old generations if the stack says so: never the running, the booted or the previous one.
clean_up() {
  local link number kept=0 old=''
  [ -n "$CLEAN_UP" ] || return 0
  for number in $(find "${profile%/*}" -name "${profile##*/}-*-link" | sed 's/.*-\([0-9]*\)-link$/\1/' | sort -rn); do
    link=$(readlink -f "$profile-$number-link")
    kept=$((kept + 1))
    if [ "$kept" -gt "$BOOT_LIMIT" ] && [ "$link" != "$1" ] && [ "$link" != "$(fact previous)" ] &&
      [ "$link" != "$(readlink -f "$root/run/booted-system" || true)" ]; then old="$old $number"; fi
  done
  [ -n "$old" ] || return 0
  # shellcheck disable=SC2086 # numbers are words
  nix-env -p "$profile" --delete-generations $old >>"$deployment/log" 2>&1 ||
    say "homelab: old generations could not be deleted" >>"$deployment/log"
}

main() {
  local toplevel looks before live=$state/secrets/$RELEASE
  deployment=$state/deployments/$DEPLOYMENT_ID
  toplevel=$(fact toplevel)
  stay_awake
  if [ "$(fact phase)" = rebooting ]; then
    # The deployment is open, so nobody else has begun another.
    lock "$LOCK_SECONDS" "switching to release $RELEASE" || give_up "$(holder)"
    started || give_up "restarted; failed: $(fact failed)"
    advance awaiting rebooting || exit 0
  else
    lock "$LOCK_SECONDS" "switching to release $RELEASE" || untouched "$(holder)"
    advance activating armed || exit 0
    [ "$MODE" != boot ] || prepare "$toplevel"
    activate "$toplevel"
    advance awaiting activating || exit 0
  fi

  # Counts instead of comparing clock times: a host without a battery may set its clock meanwhile.
  looks=$CONFIRM_SECONDS
  watch
  until [ -e "$deployment/confirmed" ]; do
    [ "$(fact phase)" = awaiting ] || exit 0
    [ "$looks" -gt 0 ] || give_up "not confirmed within $CONFIRM_SECONDS s"
    looks=$((looks - 1))
    pause
  done
  unwatch
  # A system that is the boot default already is not only tested: it is committed.
  if [ "$MODE" = test ] && [ "$(readlink -f "$profile")" != "$toplevel" ]; then end_provisional tested awaiting; fi
  advance committing awaiting || exit 0
  commit "$toplevel" || give_up "confirmed, but it could not be made the boot default"

  before=$(current)
  [ "$before" != "$RELEASE" ] || before=$(content "$state/before")
  advance committed committing || exit 1
  rm -f "$state/secrets/.next.$RELEASE" "$state/provisional"
  if [ -e "$root/etc/machine-id" ] && [ "$(content "$root/etc/machine-id")" != "$(content "$state/machine-id")" ]; then
    write "$state/machine-id" "$(content "$root/etc/machine-id")"
  fi
  write "$state/before" "$before"
  write "$state/releases/$RELEASE/committed" "$SECRETS_VERSION"
  write "$state/again" "$(fact again)"
  write "$state/current" "$RELEASE"
  # Who waits for the commit does not wait for the rest. The timer does nothing after a commit.
  give_back_lease
  announce
  systemctl stop homelab-rollback.timer || true
  clean_up "$toplevel"
  prune "$before"
}

main </dev/null
