# shellcheck shell=bash disable=SC2154
# Commands around a backup: `before` stops an app from changing its data, `after` lets it go on.
#
# A mark below $held says that a job holds the app for a target. The job of a dataset that the app
# writes holds it as well. The mark is on the disk before the first command runs, and is removed when
# every `after` has succeeded. So `after` is made up for when a command failed, when the unit was
# killed, and at the next boot. A mark has the id of its boot; a mark of an earlier boot, or one with
# a failed `after`, only means that `after` is still to run. All marks of an app have the time at which
# it was first held. After `holdMinutes` the app goes on, though the jobs do not end: "late" in a mark
# tells the job of it.

held=${HOMELAB_BACKUP_HELD:-/var/lib/homelab/backup-held}
locks=${HOMELAB_BACKUP_LOCKS:-/run}
boot=$(<"${HOMELAB_BOOT_ID:-/proc/sys/kernel/random/boot_id}")
# Seconds after which a command is stopped.
patience=${HOMELAB_HOOK_SECONDS:-900}

# apps: the jobs whose commands enclose this one: its own, and those of services that write its data.
apps() {
  jq -r --arg job "$job" '.[$job] | (select((.before // []) + (.after // []) != []) | $job), .holds[]?' "$description"
}

# about APP: whose commands are meant. Its own job marks it by target, another one with its name.
about() {
  app=$1 holder=$target
  [ "$app" = "$job" ] || holder=$job:$target
}

# hooks KEY: run the commands of before or after. A failed `before` ends the list; of `after`, all run.
hooks() {
  local key=$1 line words bad=''
  while IFS= read -r line; do
    mapfile -d '' -t words < <(jq -j '.[] | . + "\u0000"' <<<"$line")
    timeout "$patience" "${words[@]}" </dev/null 8>&- 7>&- && continue
    bad=yes
    echo "homelab-backup: $key of $app failed: ${words[*]}" >&2
    [ "$key" = after ] || break
  done < <(jq -c --arg job "$app" --arg key "$key" '.[$job][$key][]?' "$description")
  [ -z "$bad" ]
}

# others: whether the app is held by another job, or for another target, now.
others() {
  local mark
  for mark in "$held/$app"/*; do
    if [ "${mark##*/}" != "$holder" ] && [ -e "$mark" ] && [ "$(<"$mark")" = "$boot" ]; then
      other=$mark
      return 0
    fi
  done
  return 1
}

# mark TEXT
mark() {
  mkdir -p "$held/$app"
  echo "$1" >"$held/$app/.$holder"
  mv "$held/$app/.$holder" "$held/$app/$holder"
  sync "$held/$app/$holder" "$held/$app"
}

alone() {
  exec 7>"$locks/homelab-backup-held-$app.lock"
  flock 7
}

# hold TARGET: run `before`, unless the app is held already. Dumps of the host's PostgreSQL are made
# again, so that they are of the same moment as the files.
hold() {
  local one
  aim "$1"
  while IFS= read -r one; do hold_one "$one"; done < <(apps)
}

hold_one() {
  local database
  about "$1"
  alone
  if others; then
    mark "$boot"
    touch --reference "$other" "$held/$app/$holder"
    return
  fi
  mark "$boot"
  hooks before || fail "$job is not backed up to $target"
  while IFS= read -r database; do
    systemctl start "postgresqlBackup-$database.service" </dev/null ||
      fail "$database could not be dumped, so $job is not backed up to $target"
  done < <(jq -r --arg job "$app" '.[$job].postgresql[]?' "$description")
}

# release TARGET: run `after`, unless the app is held for another target or job, or is not held.
release() {
  local one bad=''
  aim "$1"
  while IFS= read -r one; do release_one "$one" || bad="$bad $one"; done < <(apps)
  [ -z "$bad" ] ||
    fail "what was done before the backup of$bad is not undone; it is tried again at the next backup and at the next boot"
}

release_one() {
  about "$1"
  alone
  [ -e "$held/$app/$holder" ] || return 0
  case $(<"$held/$app/$holder") in
    late*)
      rm "$held/$app/$holder"
      echo "homelab-backup: $app went on after $(minutes) minutes, before $job was saved to $target: the files of this snapshot may be inconsistent" >&2
      return
      ;;
  esac
  if others; then
    rm "$held/$app/$holder"
    return
  fi
  if ! hooks after; then
    mark failed
    return 1
  fi
  undone
}

# undone: nothing is left to undo of the app.
undone() {
  local mark
  for mark in "$held/$app"/*; do
    [ ! -e "$mark" ] || [ "$(<"$mark")" = "late $boot" ] || rm "$mark"
  done
}

# minutes: how long the app is held at most; 0 for no limit.
minutes() { jq -r --arg job "$app" '.[$job].holdMinutes // 0' "$description"; }

# limit: let each app go on that is held for too long. The jobs go on as well.
limit() {
  local directory late=''
  for directory in "$held"/*/; do
    [ -d "$directory" ] || continue
    app=$(basename "$directory")
    alone
    overdue || continue
    if hooks after; then
      put_late
      late="$late"$'\n'"$app went on after $(minutes) minutes, and its backup has not ended: the files of that snapshot may be inconsistent"
    else
      late="$late"$'\n'"$app is held for more than $(minutes) minutes, and an after failed; it is tried again"
    fi
  done
  [ -z "$late" ] || fail "a backup takes too long:$late"
}

# overdue: whether a mark of this boot is older than the limit.
overdue() {
  local mark most
  most=$(minutes)
  [ "$most" -gt 0 ] || return 1
  for mark in "$held/$app"/*; do
    if [ -e "$mark" ] && [ "$(<"$mark")" = "$boot" ] &&
      [ $(($(date +%s) - $(stat --format %Y "$mark"))) -ge $((most * 60)) ]; then
      return 0
    fi
  done
  return 1
}

# put_late: the jobs that hold the app learn it when they end. Older marks have nothing left to undo.
put_late() {
  local mark
  for mark in "$held/$app"/*; do
    case $(<"$mark") in
      "$boot")
        holder=${mark##*/}
        mark "late $boot"
        ;;
    esac
  done
  undone
}

# prune TARGET: remove the snapshots that the retention does not keep. The unit of a job without
# commands does it before its end; here the app goes on first.
prune() {
  aim "$1"
  local keep
  mapfile -t keep < <(jq -r --arg job "$job" --arg target "$target" '.[$job].retention[$target][]?' "$description")
  [ ${#keep[@]} -gt 0 ] || fail "$job has no retention here: its unit prunes"
  restic_of "$target" forget --prune "${keep[@]}" || fail "$job is saved, and old snapshots could not be removed from $target"
}

# release_all: make up for each `after` that did not run in an earlier boot, or failed.
release_all() {
  local file mark bad=''
  for file in "$held"/*/*; do
    [ -e "$file" ] || continue
    case $(<"$file") in "$boot" | "late $boot") continue ;; esac
    app=${file%/*} app=${app##*/} mark=${file##*/} job=$app
    case $mark in *:*) job=${mark%%:*} ;; esac
    target=${mark#*:}
    if ! { apps | grep -qxF -- "$app" && of targets | grep -qxF -- "$target"; }; then
      echo "homelab-backup: $job is no longer backed up to $target, so the after of $app is unknown and does not run" >&2
      rm "$file"
    else
      # A process of its own: one failure must not hide another.
      bash "$0" release "$job" "$target" || bad=yes
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
