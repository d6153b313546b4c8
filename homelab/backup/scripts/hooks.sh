# shellcheck shell=bash disable=SC2154
# Commands around a backup: `before` stops an app from changing its data, `after` lets it go on.
#
# A mark below $held says that a job holds the app for a target. It is on the disk before the first
# command runs, and is removed when every `after` has succeeded. So `after` is made up for when a
# command failed, when the unit was killed, and at the next boot. A mark has the id of its boot; a
# mark of an earlier boot, or one with a failed `after`, only means that `after` is still to run.

held=${HOMELAB_BACKUP_HELD:-/var/lib/homelab/backup-held}
locks=${HOMELAB_BACKUP_LOCKS:-/run}
boot=$(<"${HOMELAB_BOOT_ID:-/proc/sys/kernel/random/boot_id}")
# Seconds after which a command is stopped.
patience=${HOMELAB_HOOK_SECONDS:-900}

# hooks KEY: run the commands of before or after. A failed `before` ends the list; of `after`, all run.
hooks() {
  local key=$1 line words bad=''
  while IFS= read -r line; do
    mapfile -d '' -t words < <(jq -j '.[] | . + "\u0000"' <<<"$line")
    timeout "$patience" "${words[@]}" </dev/null 8>&- 7>&- && continue
    bad=yes
    echo "homelab-backup: $key of $job failed: ${words[*]}" >&2
    [ "$key" = after ] || break
  done < <(jq -c --arg job "$job" --arg key "$key" '.[$job][$key][]?' "$description")
  [ -z "$bad" ]
}

# others: whether the job holds the app for another target now.
others() {
  local mark
  for mark in "$held/$job"/*; do
    if [ "${mark##*/}" != "$target" ] && [ -e "$mark" ] && [ "$(<"$mark")" = "$boot" ]; then
      return 0
    fi
  done
  return 1
}

# mark TEXT
mark() {
  mkdir -p "$held/$job"
  echo "$1" >"$held/$job/.$target"
  mv "$held/$job/.$target" "$held/$job/$target"
  sync "$held/$job/$target" "$held/$job"
}

alone() {
  exec 7>"$locks/homelab-backup-held-$job.lock"
  flock 7
}

# hold TARGET: run `before`, unless the app is held already. Dumps of the host's PostgreSQL are made
# again, so that they are of the same moment as the files.
hold() {
  local database
  aim "$1"
  alone
  if others; then
    mark "$boot"
    return
  fi
  mark "$boot"
  hooks before || fail "$job is not backed up to $target"
  while IFS= read -r database; do
    systemctl start "postgresqlBackup-$database.service" ||
      fail "$database could not be dumped, so $job is not backed up to $target"
  done < <(of postgresql)
}

# release TARGET: run `after`, unless the app is held for another target or is not held.
release() {
  aim "$1"
  alone
  [ -e "$held/$job/$target" ] || return 0
  if others; then
    rm "$held/$job/$target"
    return
  fi
  if ! hooks after; then
    mark failed
    fail "what was done before the backup of $job is not undone; it is tried again at the next backup and at the next boot"
  fi
  rm -f "$held/$job"/*
}

# prune TARGET: remove the snapshots that the retention does not keep. The unit of a job without
# commands does it before its end; here the app goes on first.
prune() {
  aim "$1"
  local keep
  mapfile -t keep < <(of retention)
  [ ${#keep[@]} -gt 0 ] || fail "$job has no retention here: its unit prunes"
  restic_of "$target" forget --prune "${keep[@]}" || fail "$job is saved, and old snapshots could not be removed from $target"
}

# release_all: make up for each `after` that did not run in an earlier boot, or failed.
release_all() {
  local file bad=''
  for file in "$held"/*/*; do
    if [ ! -e "$file" ] || [ "$(<"$file")" = "$boot" ]; then continue; fi
    job=${file%/*} job=${job##*/}
    if ! jq -e --arg job "$job" --arg target "${file##*/}" \
      '.[$job].targets | index($target)' "$description" >/dev/null; then
      echo "homelab-backup: $job is no longer backed up to ${file##*/}, so its after is unknown and does not run" >&2
      rm "$file"
    else
      # A process of its own: one failure must not hide another.
      bash "$0" release "$job" "${file##*/}" || bad=yes
    fi
  done
  [ -z "$bad" ] || fail "an after failed; it is tried again"
}

# late: start the jobs that systemd did not start because the host was on battery.
late() {
  local unit state
  while IFS= read -r unit; do
    state=$(systemctl show --property ConditionResult,ConditionTimestampMonotonic --value "$unit" | paste -sd ' ')
    # A unit that was never started has no time.
    case $state in
      *" 0" | "0 "* | *yes*) ;;
      *no*) systemctl start --no-block "$unit" ;;
    esac
  done < <(jq -r 'to_entries[] | .key as $job | .value.targets[] | "restic-backups-\($job)-\(.).service"' "$description")
}
