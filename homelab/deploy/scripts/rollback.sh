# shellcheck shell=bash
# Undo one deployment: restore the system, the secrets and the generation that it recorded.
# Run by its timer, by the supervisor, or for a client that found the deployment abandoned.

# go_back_now SYSTEM: switch to it without a restart.
go_back_now() {
  local from ended=0
  from=$(($(wc -c <"$deployment/log") + 1))
  switch "$1" test || ended=$?
  # Units that had failed before the deployment may fail again: the host is as it was.
  if [ "$ended" = 4 ] && [ -e "$deployment/failed-before" ] && [ -n "$(blamed "$from")" ] &&
    [ -z "$(blamed "$from" | comm -13 "$deployment/failed-before" -)" ]; then ended=0; fi
  return "$ended"
}

# default_before SYSTEM: the boot default from before the deployment. It is the generation's system; the
# one that ran, SYSTEM, may be a test, which no boot starts. A restart has to come back to SYSTEM.
default_before() {
  local before=''
  if [ "$(fact mode)" != boot ] && [ -n "$(fact generation)" ]; then
    before=$(readlink -f "$profile-$(fact generation)-link") || before=''
  fi
  if [ -x "$before/bin/switch-to-configuration" ]; then say "$before"; else say "$1"; fi
}

# start_again SYSTEM: restart the host into the old system after a restart into the new one. Only
# once: if the new system comes up again, a person has to look at the boot loader.
start_again() {
  [ "$(readlink -f "$running")" != "$1" ] || return 0
  if [ -e "$deployment/went-back" ]; then
    say "homelab: the restart into the old system started the new one again" >>"$deployment/log"
    return 1
  fi
  note went-back "$(boot_id)"
  say "homelab: restarts this host to start $1 again" >>"$deployment/log"
  flush "$deployment/log"
  systemctl --no-block reboot || return 1
  # resume.sh continues the rollback after the restart.
  exit 0
}

# shuts_down: whether this host is shutting down. A rollback that begins then may find /nix unmounted;
# resume.sh continues it after the restart.
shuts_down() {
  { [ -e "$deployment/went-back" ] && [ "$(fact went-back)" = "$(boot_id)" ]; } ||
    [ "$(systemctl is-system-running 2>/dev/null || true)" = stopping ]
}

main() {
  local previous default boot='' code=0
  deployment=$state/deployments/$DEPLOYMENT_ID
  # The timer, the supervisor and a client may all run this; only the first one goes on.
  exec 7>"$deployment/rollback.lock"
  flock -n 7 || exit 0
  ! shuts_down || exit 0
  rm -f "$deployment/reserve"
  if ! advance rolling_back armed activating rebooting awaiting rolling_back; then
    # A commit in progress was confirmed and finishes, unless its supervisor died.
    if [ "$(fact phase)" != committing ] || supervised; then exit 0; fi
    advance rolling_back committing || exit 0
  fi
  : >>"$deployment/log" # a power cut may have removed it
  [ -e "$deployment/reason" ] ||
    note reason "neither activated nor confirmed within $WINDOW_SECONDS s"
  # A running switch holds NixOS's lock and ours.
  systemctl stop homelab-activate.service 2>/dev/null || true
  # Another holder of the lock only stages or builds, and must not delay the rollback.
  lock 5 "rolling back from release $RELEASE" || say "not waiting for $(holder)"

  previous=$(fact previous)
  if [ -e "$deployment/secrets-before" ]; then
    ln -sfn "$(fact secrets-before)" "$state/secrets/$RELEASE"
  fi
  if [ -n "$(fact generation)" ] && [ "$(generation)" != "$(fact generation)" ]; then
    nix-env -p "$profile" --switch-generation "$(fact generation)" >>"$deployment/log" 2>&1 || code=1
    boot=yes
  fi
  # The boot loader may still name the new system, even if an earlier try restored the generation.
  [ ! -e "$deployment/loader" ] || boot=yes
  # With `boot` nothing was activated.
  [ "$(fact mode)" = boot ] || [ "$(fact how)" = boot ] || go_back_now "$previous" || code=$?
  # If the boot loader still starts the old system, do not run its installer: /boot may be full.
  default=$(default_before "$previous")
  if [ -n "$boot" ] && ! default_boots "$default"; then switch "$default" boot || code=$?; fi
  if [ "$(fact mode)" = boot ] && [ "$code" = 0 ]; then
    bootctl set-oneshot '' >>"$deployment/log" 2>&1 || true
    start_again "$previous" || code=1
    # Remove the unconfirmed generation from the boot menu, unless it is the running system.
    [ "$code" != 0 ] || [ -z "$(fact own-generation)" ] || [ "$(fact own-generation)" = "$(fact generation)" ] ||
      nix-env -p "$profile" --delete-generations "$(fact own-generation)" >>"$deployment/log" 2>&1 || true
  fi
  # The system of a `test` may run again, and that of a `boot` may still be the boot default.
  is_provisional "$previous" || is_provisional "$(readlink -f "$profile")" || rm -f "$state/provisional"
  if [ "$code" = 0 ]; then
    advance rolled_back rolling_back
    rm -f "$deployment/previous-system" "$deployment/secrets-before"
  else
    advance failed_rollback rolling_back
  fi
  give_back_lease
  systemctl stop homelab-rollback.timer 2>/dev/null || true
}

main </dev/null
