# shellcheck shell=bash
# Shared by every script on a host: paths, the host's lock, and phases that survive a power cut.
# Only definitions. scripts.py sends this text before each script, with assignments of the variables
# in CAPITALS between them. Needs bash 3.2 and a NixOS base system only.

set -euo pipefail
umask 077

root=${HOMELAB_ROOT:-} # empty in production, a directory in the lab
state=$root/var/lib/homelab
profile=$root/nix/var/nix/profiles/system
running=$root/run/current-system
deployment='' # the directory of the current deployment, if there is one

say() { printf '%s\n' "$*"; }

# content FILE: its text, or nothing if it does not exist. Starts no process, as `cat` would: a switch
# reads hundreds of files.
content() { { say "$(<"$1")"; } 2>/dev/null || true; }

fail() {
  printf 'homelab: %s\n' "$*" >&2
  exit 1
}

flush() { sync "$@" 2>/dev/null || sync; } # not every sync takes file names

# flush_all DIRECTORY: write its file system to disk: one commit of the journal, where `sync` with file
# names makes one for each file.
flush_all() { sync -f "$1" 2>/dev/null || sync; }

# land DIRECTORY…: write these file systems to their disks. On FAT (an EFI system partition) only an
# fsync of a file or directory also flushes the disk's own cache (Linux: fat_file_fsync).
land() {
  local dir
  for dir; do
    [ -d "$dir" ] || continue
    flush_all "$dir"
    flush "$dir"
  done
}

# write FILE TEXT: replace the file atomically and durably.
write() {
  printf '%s\n' "$2" >"$1.new" && flush "$1.new" && mv -f "$1.new" "$1" && flush "${1%/*}"
}

# lock SECONDS WHAT: only one script at a time changes a host. A killed `pulumi up` leaves its remote
# process running, so this waits for a limited time. Children inherit the lock on purpose: a build
# whose shell was killed still holds it.
lock() {
  mkdir -p "$state/releases" "$state/secrets" "$state/deployments"
  exec 9<>"$state/lock"
  flock -w "$1" 9 || return 1
  printf '%s (pid %s, since %s, for %s)\n' \
    "$2" "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${SSH_CLIENT:-this host}" >"$state/lock"
}

holder() { say "$state/lock: held by $(cat "$state/lock")"; }

take_lock() {
  lock "$LOCK_SECONDS" "$1" || fail "$(holder); wait until it ends (or stop that process), then run again"
  take_lease
}

# take_lease: a lock covers one script; between two scripts of one run, the lease keeps another stack
# from changing the host. Each script renews it, and the end of the switch gives it back. A lease
# that a killed run left behind expires.
take_lease() {
  local whose='' until=0 now
  [ -n "${STACK:-}" ] || return 0
  now=$(date +%s)
  read -r whose until 2>/dev/null <"$state/lease" || true
  if [ -n "$whose" ] && [ "$whose" != "$STACK" ] && [ "$now" -lt "${until:-0}" ]; then
    fail "$state/lease: the stack $whose is at work here for $(((until - now + 59) / 60)) more min; wait until it ends, or take its lease (homelab unlock), then run again"
  fi
  # Not durable: a power cut ends the run as well.
  say "$STACK $((now + 900))" >"$state/lease.new"
  mv -f "$state/lease.new" "$state/lease"
}

# give_back_lease: remove our lease; another stack's stays.
give_back_lease() {
  local whose=''
  read -r whose _ 2>/dev/null <"$state/lease" || true
  if [ -z "$whose" ] || [ "$whose" = "${STACK:-}" ]; then rm -f "$state/lease"; fi
}

# The release that was last committed; empty before the first.
current() { content "$state/current"; }

# The number of the profile's generation. A rollback returns to this number, not one step back,
# because others may add generations.
generation() {
  local link
  link=$(readlink "$profile") || return 0
  link=${link##*/}
  link=${link#system-}
  say "${link%-link}"
}

boot_id() { content "$root/proc/sys/kernel/random/boot_id"; }

# stay_awake: keep the host from suspending until this script ends.
stay_awake() {
  command -v systemd-inhibit >/dev/null || return 0
  systemd-inhibit --what=sleep:idle --who=homelab --why="building release $RELEASE" \
    tail --pid=$$ -f /dev/null </dev/null >/dev/null 2>&1 9>&- &
}

# --- deployments: $deployment holds one file per fact about one switch ----------------------------

note() { write "$deployment/$1" "$2"; }

fact() { content "$deployment/$1"; }

# advance TO FROM…: change the phase, under a lock of its own, so that exactly one of a racing commit
# and rollback succeeds. Fails unless the phase is one of FROM.
advance() {
  local to=$1
  shift
  (
    flock -w 10 8 || exit 1
    now=$(fact phase)
    for from in "$@"; do
      if [ "$now" = "$from" ]; then
        note phase "$to"
        announce
        exit
      fi
    done
    exit 1
  ) 8>"$deployment/phase.lock"
}

# Scripts wait for each other without polling: `announce` wakes each script that has called `watch`.
# Its FIFO is on descriptor 6, and open for writing as well, so that neither side waits to open it.
watchers=$root/run/homelab-watch

watch() {
  mkdir -p "$watchers" && mkfifo "$watchers/$$" 2>/dev/null || return 0
  trap 'rm -f "$watchers/$$"' EXIT
  exec 6<>"$watchers/$$"
}

unwatch() {
  rm -f "$watchers/$$"
  exec 6>&-
}

announce() {
  local fifo
  for fifo in "$watchers"/*; do
    [ ! -p "$fifo" ] || say 6<>"$fifo" >&6
  done
}

# pause: wait for an announcement, for at most a second: a script that is killed announces nothing.
pause() {
  if [ -p "$watchers/$$" ]; then read -r -t 1 -u 6 _ || true; else sleep 1; fi
}

# The id of the deployment that has not ended; empty if all have.
open_deployment() {
  local file
  for file in "$state"/deployments/*/phase; do
    case "$(content "$file")" in
      armed | activating | rebooting | awaiting | committing | rolling_back)
        file=${file%/phase}
        say "${file##*/}"
        ;;
    esac
  done | tail -n 1
}

# provisional: the deployment of the last `test` or `boot`, until a release is committed; empty if
# there is none. Its system runs or will boot, and is not the committed one.
provisional() { content "$state/provisional"; }

# is_provisional SYSTEM: whether it is the one of the last `test` or `boot`.
is_provisional() {
  [ -n "$(provisional)" ] && [ "$1" = "$(content "$state/deployments/$(provisional)/toplevel")" ]
}

supervised() { systemctl is-active --quiet homelab-activate.service; }

# switch TOPLEVEL ACTION: run switch-to-configuration. NixOS refuses a second switch instead of
# waiting for the first, so this retries, and returns 75 if nothing could be done.
# Closes descriptors 6, 7 and 9, so that a daemon that an activation script starts keeps no lock.
switch() {
  local code from try
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    say "homelab: $1/bin/switch-to-configuration $2 (try $try)" >>"$deployment/log"
    from=$(($(wc -c <"$deployment/log") + 1))
    code=0
    "$1/bin/switch-to-configuration" "$2" >>"$deployment/log" 2>&1 6>&- 7>&- 9>&- || code=$?
    if [ "$code" = 0 ]; then
      if [ "$2" = boot ]; then land "${profile%/*}" "$(boot_directory)" "$(esp)"; fi
      return
    fi
    tail -c "+$from" "$deployment/log" | grep 'Could not acquire lock' >/dev/null || return "$code"
    sleep 5
  done
  return 75
}

# go_back REASON: start the rollback of $deployment, which has no supervisor; it runs detached.
go_back() {
  [ -e "$deployment/reason" ] || note reason "$1"
  # After a reboot, or once its timer has fired, the unit is gone; the script still exists.
  systemctl start --no-block homelab-rollback.service 2>/dev/null ||
    detach homelab-rollback "$deployment/rollback.sh" --service-type=exec
}

# waits_for_boot SYSTEM: its first part that takes effect at boot only (kernel, modules, initrd) and
# differs from the booted one; fails if there is none.
waits_for_boot() {
  local part booted=$root/run/booted-system
  for part in kernel kernel-modules initrd; do
    if [ -e "$booted/$part" ] && [ -e "$1/$part" ] &&
      [ "$(readlink -f "$booted/$part")" != "$(readlink -f "$1/$part")" ]; then
      say "$part"
      return
    fi
  done
  return 1
}

# failed_units STATE: units that have failed; with auto-restart also those that keep failing.
failed_units() {
  systemctl list-units --state=failed --state="$1" --plain --no-legend --no-pager 2>/dev/null |
    awk '{ print $1 }' | sort || true
}

# worse: of the units on standard input (sorted), those that had not failed before the switch and
# that the stack does not allow to fail. An ACME unit may fail at first; its timer tries again.
worse() {
  local unit
  comm -13 "$deployment/failed-before" - | while read -r unit; do
    case $unit in acme-*.service) continue ;; esac
    case " $MAY_FAIL " in
      *" $unit "*) ;;
      *) say "$unit" ;;
    esac
  done
}

# restarts: «UNIT TIMES» of each service that systemd has restarted automatically.
restarts() {
  systemctl show --property=Id --property=NRestarts '*.service' 2>/dev/null | awk -F = '
    $1 == "Id" { unit = $2 } $1 == "NRestarts" { times = $2 }
    $0 == "" { if (times > 0) print unit, times; times = 0 } END { if (times > 0) print unit, times }' | sort || true
}

# Seconds on a monotonic clock.
seconds() { awk '{ print int($1) }' /proc/uptime 2>/dev/null || date +%s; }

# blamed FROM: the units that the log from byte FROM names as the cause of exit 4. Asking systemd
# would miss jobs that timed out, and units that wait between two failures.
blamed() {
  tail -c "+$1" "$deployment/log" | sed -n \
    -e 's/^warning: the following units failed: //p' \
    -e 's/^Failed to [a-z-]* \([^ :/]*\.[a-z]*\)\(:.*\)\{0,1\}$/\1/p' |
    tr ',' '\n' | tr -d ' ' | sort -u
}

# detach UNIT SCRIPT OPTION…: run a script as a unit of its own, so that neither a lost connection
# nor the switch ends it. Its tools come from the running system by store path, because the new
# system may be broken.
detach() {
  local unit=$1 script=$2
  shift 2
  systemd-run --quiet --collect --unit="$unit" "$@" \
    --property=KillMode=mixed --property=TimeoutStopSec=20 --property=OOMScoreAdjust=-900 \
    --setenv=PATH="$(readlink -f "$running")/sw/bin:$PATH" \
    --setenv=HOME="${HOME:-/root}" --setenv=HOMELAB_ROOT="$root" \
    -- "$(readlink -f "$(command -v bash)")" "$script"
}

# --- secrets: complete sets in .sets, made live by one link per release ---------------------------

# Remove the sets that no release, no pending rotation and no open deployment refers to.
prune_sets() {
  local used set link
  used=$(
    for link in "$state"/secrets/* "$state"/secrets/.next.*; do readlink "$link" || true; done
    cat "$state"/deployments/*/secrets-before 2>/dev/null || true
  )
  used=" $(printf '%s' "$used" | tr '\n' ' ') "
  for set in "$state"/secrets/.sets/*; do
    [ -d "$set" ] || continue
    case "$used" in
      *" .sets/${set##*/} "*) ;;
      *) rm -rf "$set" ;;
    esac
  done
}
