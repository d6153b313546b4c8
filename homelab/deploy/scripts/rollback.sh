# shellcheck shell=bash
# Undo exactly one deployment: back to the system, the secrets and the generation that it recorded.
# Run by its timer, by the supervisor, or for a client that found the deployment abandoned.

# go_back_now SYSTEM: switch to it, live.
go_back_now() {
  local from ended=0
  from=$(($(wc -c <"$deployment/log") + 1))
  switch "$1" test || ended=$?
  # What had failed before the deployment fails again: that is how the host was.
  if [ "$ended" = 4 ] && [ -e "$deployment/failed-before" ] && [ -n "$(blamed "$from")" ] &&
    [ -z "$(blamed "$from" | comm -13 "$deployment/failed-before" -)" ]; then ended=0; fi
  return "$ended"
}

# start_again SYSTEM: the host was restarted for the new one, and is once more to have the old. Never
# more than once: a default that starts the new one again needs a person.
start_again() {
  [ "$(readlink -f "$running")" != "$1" ] || return 0
  # That restart is still to come.
  [ "$(fact went-back)" != "$(boot_id)" ] || exit 0
  if [ -e "$deployment/went-back" ]; then
    say "homelab: restarted to go back, and the new system was started again" >>"$deployment/log"
    return 1
  fi
  note went-back "$(boot_id)"
  say "homelab: restarts this host to start $1 again" >>"$deployment/log"
  flush "$deployment/log"
  systemctl --no-block reboot || return 1
  # What is left is done after the restart, by resume.sh.
  exit 0
}

main() {
  local previous boot='' code=0
  deployment=$state/deployments/$DEPLOYMENT_ID
  # Its timer, its supervisor and a client may all ask for it; whoever comes second leaves it alone.
  exec 7>"$deployment/rollback.lock"
  flock -n 7 || exit 0
  rm -f "$deployment/room"
  if ! advance rolling_back armed activating rebooting awaiting rolling_back; then
    # A commit under way was confirmed, and finishes; one whose supervisor died does not.
    if [ "$(fact phase)" != committing ] || supervised; then exit 0; fi
    advance rolling_back committing || exit 0
  fi
  : >>"$deployment/log" # a power cut may have taken it
  [ -e "$deployment/reason" ] ||
    note reason "neither activated nor confirmed within $WINDOW_SECONDS s"
  # A switch still running holds NixOS's own lock and ours.
  systemctl stop homelab-activate.service 2>/dev/null || true
  # Whoever else got the lock stages or builds, and must not keep the host from going back.
  lock 5 "rolling back from release $RELEASE" || say "not waiting for $(holder)"

  previous=$(fact previous)
  if [ -e "$deployment/secrets-before" ]; then
    ln -sfn "$(fact secrets-before)" "$state/secrets/$RELEASE"
  fi
  if [ -n "$(fact generation)" ] && [ "$(generation)" != "$(fact generation)" ]; then
    nix-env -p "$profile" --switch-generation "$(fact generation)" >>"$deployment/log" 2>&1 || code=1
    boot=yes
  fi
  # The boot loader may name the new system, also where an earlier try has put the generation back.
  [ ! -e "$deployment/loader" ] || boot=yes
  [ "$(fact mode)" = boot ] || go_back_now "$previous" || code=$?
  # A boot loader that still starts the old system is left alone: it may have failed for want of room.
  if [ -n "$boot" ] && ! default_boots "$previous"; then switch "$previous" boot || code=$?; fi
  if [ "$(fact mode)" = boot ] && [ "$code" = 0 ]; then
    bootctl set-oneshot '' >>"$deployment/log" 2>&1 || true
    start_again "$previous" || code=1
    # Nobody has confirmed it, so nobody shall find it in the boot menu; unless it is what runs.
    [ "$code" != 0 ] || [ -z "$(fact own-generation)" ] || [ "$(fact own-generation)" = "$(fact generation)" ] ||
      nix-env -p "$profile" --delete-generations "$(fact own-generation)" >>"$deployment/log" 2>&1 || true
  fi
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
