# shellcheck shell=bash
# homelab-restore: list the snapshots of a backup job, and restore one of them. Runs as root.
#
#   homelab-restore snapshots JOB
#   homelab-restore files JOB TARGET SNAPSHOT DIRECTORY
#   homelab-restore in-place JOB TARGET SNAPSHOT
#   homelab-restore undo JOB
#   homelab-restore drill JOB TARGET
#
# SNAPSHOT is an id, `latest`, or a time: the newest snapshot that is not younger. Nothing that was on
# the host is deleted: what a restore replaces is moved aside on the same file system, and each step is
# written down before it is made, so that `undo` also works after a power cut.

set -euo pipefail
umask 077

description=${HOMELAB_BACKUP_JOBS:-/etc/homelab/backup.json}
records=${HOMELAB_RESTORES:-/var/lib/homelab/restores}
dumped=${HOMELAB_DUMPS:-/var/backup}
settle=${HOMELAB_SETTLE_SECONDS:-10}
export RESTIC_PROGRESS_FPS=0.1

fail() {
  echo "homelab-restore: $*" >&2
  exit 1
}

# of KEY: the values of one list of the job.
of() {
  jq -r --arg job "$job" --arg key "$1" '.[$job][$key][]?' "$description"
}

restic_of() {
  local target=$1
  shift
  "restic-$job-$target" "$@"
}

# begin JOB: the job exists on this host.
begin() {
  job=$1
  [ -r "$description" ] || fail "$description does not exist: this host has no backup job"
  jq -e --arg job "$job" 'has($job)' "$description" >/dev/null ||
    fail "this host has no backup job $job; it has: $(jq -r 'keys | join(", ")' "$description")"
}

# aim TARGET: the job backs up to this target.
aim() {
  target=$1
  of targets | grep -qxF -- "$target" ||
    fail "$job is not backed up to $target; its targets: $(of targets | paste -sd, -)"
}

# One line for each snapshot: target, id, time, host, number of paths; the newest first.
snapshots() {
  local target found whole=0
  while IFS= read -r target; do
    if found=$(restic_of "$target" snapshots --json --no-lock 2>"$errors"); then
      jq -r --arg target "$target" \
        'reverse[] | [$target, .short_id, .time, .hostname, (.paths | length)] | @tsv' <<<"$found"
    else
      whole=1
      echo "homelab-restore: $target does not answer: $(tail -n 1 "$errors")" >&2
    fi
  done < <(of targets)
  return "$whole"
}

# choose SNAPSHOT: its full id and time.
choose() {
  local wanted=$1 found id time limit
  found=$(restic_of "$target" snapshots --json --no-lock 2>"$errors") ||
    fail "$target does not answer: $(tail -n 1 "$errors")"
  snapshot='' taken=''
  if [[ $wanted =~ ^[0-9a-f]{8,64}$ ]]; then
    read -r snapshot taken < <(jq -r --arg id "$wanted" \
      '.[] | select(.id | startswith($id)) | "\(.id) \(.time)"' <<<"$found") || true
  else
    limit=9999999999
    [ "$wanted" = latest ] || limit=$(date -d "$wanted" +%s) ||
      fail "$wanted is neither a snapshot, nor latest, nor a time such as 2026-03-01 12:00"
    # restic lists the oldest first.
    while read -r id time; do
      [ "$(date -d "$time" +%s)" -gt "$limit" ] || snapshot=$id taken=$time
    done < <(jq -r '.[] | "\(.id) \(.time)"' <<<"$found")
  fi
  [ -n "$snapshot" ] ||
    fail "$target has no snapshot of $job for $wanted; see: homelab-restore snapshots $job"
}

# room DIRECTORY: its file system has space for the snapshot.
room() {
  local size free
  size=$(restic_of "$target" stats --json --no-lock --mode restore-size "$snapshot" 2>"$errors" |
    jq -r .total_size) || fail "$target does not answer: $(tail -n 1 "$errors")"
  free=$(df --output=avail --block-size=1 "$1" | tail -n 1)
  [ "$free" -gt "$size" ] ||
    fail "$1 has $((free / 1048576)) MiB free, and the snapshot has $((size / 1048576)) MiB"
}

# fetch DIRECTORY [PATH...]: put the snapshot, or these paths of it, below the directory.
fetch() {
  local directory=$1 path includes=()
  shift
  for path in "$@"; do includes+=(--include "$path"); done
  restic_of "$target" restore "$snapshot" --no-lock --target "$directory" "${includes[@]}" ||
    fail "the snapshot could not be read from $target"
}

# sound DIRECTORY: the dumps below it can be opened.
sound() {
  local file
  while IFS= read -r file; do
    case $file in
      "$dumped"/sqlite/*)
        [ "$(sqlite3 -readonly "file:$1$file?immutable=1" 'PRAGMA integrity_check')" = ok ] ||
          fail "$file of this snapshot is a damaged database; choose another snapshot"
        ;;
      *.gz)
        gzip -t "$1$file" || fail "$file of this snapshot is damaged; choose another snapshot"
        ;;
      *)
        [ -s "$1$file" ] || fail "$file of this snapshot is empty; choose another snapshot"
        ;;
    esac
  done < <(of dumps)
}

files() {
  aim "$1"
  local directory=$3
  choose "$2"
  if [ -e "$directory" ] && [ -n "$(ls -A "$directory")" ]; then
    fail "$directory is not empty; name a new directory"
  fi
  mkdir -p "$directory"
  room "$directory"
  fetch "$directory"
  sound "$directory"
  echo "the snapshot of $taken is in $directory"
}

# --- in place -------------------------------------------------------------------------------------

# phase NAME: written before what it names begins.
phase() {
  echo "$1" >"$record/phase.new"
  mv "$record/phase.new" "$record/phase"
  sync -f "$record"
}

# The directory beside a path, or inside a mount point, that keeps what a restore moves.
beside() {
  local path=$1 what=$2
  if mountpoint -q "$path"; then
    echo "$path/.homelab-$what-$stamp"
  else
    echo "$path.$what-$stamp"
  fi
}

# move FROM TO: all files of a directory into another one of the same file system. May run twice.
move() {
  local from=$1 to=$2 entry
  [ -d "$from" ] || return 0
  mkdir -p "$to"
  while IFS= read -r -d '' entry; do
    mv -nT "$entry" "$to/${entry##*/}"
  done < <(find "$from" -mindepth 1 -maxdepth 1 ! -name ".homelab-*-$stamp" -print0)
}

# Units that use the data, and the timers and sockets that start them.
users() {
  local unit
  {
    of units
    while IFS= read -r unit; do echo "restic-backups-$job-$unit.service"; done < <(of targets)
  } | while IFS= read -r unit; do
    systemctl show --property TriggeredBy --value "$unit" | tr ' ' '\n'
    echo "$unit"
  done | grep -v '^$' | sort -u
}

stop() {
  local unit
  if [ ! -e "$record/units" ]; then
    while IFS= read -r unit; do
      case $(systemctl is-active "$unit" || true) in
        active | activating | reloading) echo "$unit" ;;
      esac
    done < <(users) >"$record/units.new"
    # On a new host nothing runs yet.
    grep -q '\.service$' "$record/units.new" || users | grep -v '^restic-' >>"$record/units.new"
    mv "$record/units.new" "$record/units"
  fi
  mapfile -t running <"$record/units"
  echo "stopping ${running[*]}"
  [ ${#running[@]} -eq 0 ] || systemctl stop "${running[@]}"
}

start() {
  local unit failed=()
  mapfile -t running <"$record/units"
  [ ${#running[@]} -gt 0 ] || return 0
  echo "starting ${running[*]}"
  systemctl reset-failed "${running[@]}" 2>/dev/null || true
  systemctl start "${running[@]}" || true
  sleep "$settle"
  for unit in "${running[@]}"; do
    # A oneshot that has ended is inactive.
    [ "$(systemctl is-failed "$unit" || true)" != failed ] || failed+=("$unit")
  done
  [ ${#failed[@]} -eq 0 ] || return 1
}

# owned NEW OLD: where the owner has another number on this host than in the snapshot.
owned() {
  local new=$1 old=$2 was is
  [ -e "$old" ] || return 0
  was=$(stat -c %u:%g "$new") is=$(stat -c %u:%g "$old")
  [ "$was" != "$is" ] || return 0
  find "$new" -uid "${was%:*}" -exec chown -h "${is%:*}" {} +
  find "$new" -gid "${was#*:}" -exec chgrp -h "${is#*:}" {} +
}

sql() {
  runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 -d "${1:-postgres}"
}

exists() {
  [ "$(sql <<<"SELECT 1 FROM pg_database WHERE datname = '$1'")" = 1 ]
}

# rename OLD NEW: a database; its connections end.
rename() {
  sql >/dev/null <<SQL
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$1' AND pid <> pg_backend_pid();
ALTER DATABASE "$1" RENAME TO "$2";
SQL
}

# load DATABASE DUMP: the dump creates the database, unless it was made without --create.
load() {
  local into=postgres owner
  if ! gzip -dc "$2" | grep '^CREATE DATABASE' >/dev/null; then
    owner=$(sql <<<"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '$(kept "$1")'")
    sql <<<"CREATE DATABASE \"$1\" OWNER \"${owner:-$1}\" TEMPLATE template0"
    into=$1
  fi
  gzip -dc "$2" | sql "$into" >/dev/null
}

# kept DATABASE [WHAT]: its name while it is kept aside. PostgreSQL cuts names after 63 bytes.
kept() {
  echo "${1:0:32}_${2:-before}_$stamp"
}

# mounted: the disks of the job, without which its directories are those of another file system.
mounted() {
  local disk
  while IFS= read -r disk; do
    mountpoint -q "$disk" || fail "$disk is not mounted; mount it first"
  done < <(of mounts)
}

in_place() {
  aim "$1"
  mounted
  local path new old file database
  choose "$2"
  while IFS= read -r file; do
    [ -z "$file" ] ||
      fail "$file has a dump that only $job itself can load; restore the files with" \
        "homelab restore $job --to DIRECTORY, and load it as its manual says"
  done < <(of byHand)
  [ -z "$(unfinished)" ] || fail "a restore of $job was interrupted; undo it first: homelab restore $job --undo"

  stamp=$(date +%Y%m%d%H%M%S) record=$records/$job-$stamp
  mkdir -p "$record/dumps"
  echo "$target $snapshot $taken" >"$record/snapshot"
  : >"$record/paths"
  phase fetching
  while IFS= read -r path; do
    new=$(beside "$path" restoring)
    echo "$path" >>"$record/paths"
    mkdir -p "${path%/*}" "$new"
    room "$new"
    fetch "$new" "$path"
    [ -e "$new$path" ] || fail "this snapshot does not have $path; choose another snapshot"
  done < <(of paths)
  mapfile -t dumps < <(of dumps)
  [ ${#dumps[@]} -eq 0 ] || fetch "$record/dumps" "${dumps[@]}"
  sound "$record/dumps"
  while IFS= read -r file; do
    within "$file" || fail "$file is outside of what $job backs up; restore with --to instead"
  done < <(of sqlite)

  phase replacing
  stop
  while IFS= read -r path; do
    replace "$path"
  done < <(of paths)
  while IFS= read -r file; do
    place "$file"
  done < <(of sqlite)
  while IFS= read -r database; do
    echo "restoring the database $database"
    echo "$database" >>"$record/databases"
    sync -f "$record"
    ! exists "$database" || rename "$database" "$(kept "$database")"
    load "$database" "$record/dumps$dumped/postgresql/$database.sql.gz" ||
      fail "the dump of $database could not be loaded; go back: homelab restore $job --undo"
  done < <(of postgresql)
  phase starting
  start || fail "a unit of $job failed after the restore, see journalctl; go back: homelab restore $job --undo"
  phase restored
  rm -rf "$record/dumps"
  echo "$job is as on $taken. What was there before is kept:"
  while IFS= read -r path; do
    old=$(beside "$path" before)
    [ ! -e "$old" ] || echo "  $old"
  done <"$record/paths"
  while IFS= read -r database; do
    echo "  database $(kept "$database")"
  done < <(cat "$record/databases" 2>/dev/null)
}

within() {
  local path
  while IFS= read -r path; do
    [[ $1 != "$path"/* ]] || return 0
  done < <(of paths)
  return 1
}

# step PATH WHAT: written before it is made. `out`: the present files are moved aside; `in`: the
# restored ones are moved in; `back`: the restored ones are moved out again.
step() {
  printf '%s\t%s\n' "$2" "$1" >>"$record/steps"
  sync -f "$record"
}

# reached PATH: its last step; empty if there was none.
reached() {
  local what path found=''
  while IFS=$'\t' read -r what path; do
    [ "$path" != "$1" ] || found=$what
  done < <(cat "$record/steps" 2>/dev/null)
  echo "$found"
}

# replace PATH: move the present files aside, and the restored ones in.
replace() {
  local path=$1 new old
  new=$(beside "$path" restoring) old=$(beside "$path" before)
  owned "$new$path" "$path"
  step "$path" out
  if [ -d "$path" ]; then
    move "$path" "$old"
  elif [ -e "$path" ]; then
    mv -nT "$path" "$old"
  fi
  step "$path" in
  if [ -d "$new$path" ]; then
    mkdir -p "$path"
    chown --reference "$new$path" "$path"
    chmod --reference "$new$path" "$path"
    move "$new$path" "$path"
  else
    mv -nT "$new$path" "$path"
  fi
  rm -rf "$new"
}

# place FILE: the dump of a SQLite database at the place of the database.
place() {
  local file=$1 path old=''
  while IFS= read -r path; do
    [[ $file != "$path"/* ]] || old=$(beside "$path" before)${file#"$path"}
  done < <(of paths)
  mkdir -p "${file%/*}"
  cp "$record/dumps$dumped/sqlite/$job/${file##*/}" "$file.new"
  if [ -e "$old" ]; then
    chown --reference "$old" "$file.new"
    chmod --reference "$old" "$file.new"
  else
    chown --reference "${file%/*}" "$file.new"
    chmod 0600 "$file.new"
  fi
  mv -f "$file.new" "$file"
}

# --- undo ------------------------------------------------------------------------------------------

# The record of a restore of this job that has not ended.
unfinished() {
  local found
  for found in "$records/$job"-*; do
    [ -e "$found/phase" ] || continue
    case $(<"$found/phase") in
      restored | undone) ;;
      *) echo "$found" ;;
    esac
  done
}

# The record of the last restore that was not undone.
last() {
  local found newest=''
  for found in "$records/$job"-[0-9]*; do
    [ ! -e "$found/phase" ] || [ "$(<"$found/phase")" = undone ] || newest=$found
  done
  echo "$newest"
}

undo() {
  local path old gone database
  record=$(last)
  [ -n "$record" ] || fail "no restore of $job is to be undone on this host"
  stamp=${record##*-}
  mounted
  if [ "$(<"$record/phase")" != fetching ]; then
    stop
    while IFS= read -r path; do
      put_back "$path"
    done <"$record/paths"
    while IFS= read -r database; do
      exists "$(kept "$database")" || continue
      ! exists "$database" || rename "$database" "$(kept "$database" undone)"
      rename "$(kept "$database")" "$database"
    done < <(cat "$record/databases" 2>/dev/null)
  fi
  while IFS= read -r path; do
    rm -rf "$(beside "$path" restoring)"
  done < <(cat "$record/paths" 2>/dev/null)
  rm -rf "$record/dumps"
  if [ "$(<"$record/phase")" != fetching ]; then
    start || fail "a unit of $job failed, see journalctl; its data is as before the restore"
  fi
  phase undone
  echo "$job is as before the restore"
  while IFS= read -r path; do
    gone=$(beside "$path" undone)
    [ ! -e "$gone" ] || echo "  $gone has what was restored"
  done < <(cat "$record/paths" 2>/dev/null)
}

# put_back PATH: what was moved aside. What the restore brought is kept beside it.
put_back() {
  local path=$1 old gone at
  old=$(beside "$path" before) gone=$(beside "$path" undone) at=$(reached "$path")
  if [ "$at" = in ]; then
    if [ -d "$path" ]; then
      move "$path" "$gone"
    elif [ -e "$path" ]; then
      mv -nT "$path" "$gone"
    fi
    step "$path" back
  fi
  [ -n "$at" ] && [ -e "$old" ] || return 0
  if [ -d "$old" ]; then
    move "$old" "$path"
    rmdir "$old"
  else
    mv -nT "$old" "$path"
  fi
}

# --- drill -----------------------------------------------------------------------------------------

# Restore the newest snapshot into an empty directory, open every dump, and count the files.
drill() {
  aim "$1"
  choose latest
  local path
  place=$records/.drill-$job-$target
  rm -rf "$place"
  mkdir -p "$place"
  trap 'rm -rf "$errors" "$place"' EXIT
  room "$place"
  fetch "$place" >/dev/null
  sound "$place"
  while IFS= read -r path; do
    [ -e "$place$path" ] || fail "the snapshot of $taken does not have $path"
  done < <(of paths)
  echo "$job can be restored from $target: the snapshot of $taken has" \
    "$(find "$place" -type f | wc -l) files, $(du -sm "$place" | cut -f1) MiB, and" \
    "$(of dumps | wc -l) dumps that open"
}

[ $# -ge 2 ] || fail "usage: homelab-restore snapshots|files|in-place|undo|drill JOB …"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
begin "$2"
case $1 in
  snapshots) snapshots ;;
  *)
    mkdir -p "$records"
    exec 8>"$records/.lock"
    flock -n 8 || fail "another restore or drill runs on this host; wait until it ends"
    case $1 in
      files) [ $# -eq 5 ] || fail "usage: homelab-restore files JOB TARGET SNAPSHOT DIRECTORY" && files "${@:3}" ;;
      in-place) [ $# -eq 4 ] || fail "usage: homelab-restore in-place JOB TARGET SNAPSHOT" && in_place "${@:3}" ;;
      undo) undo ;;
      drill) [ $# -eq 3 ] || fail "usage: homelab-restore drill JOB TARGET" && drill "$3" ;;
      *) fail "there is no command $1" ;;
    esac
    ;;
esac
