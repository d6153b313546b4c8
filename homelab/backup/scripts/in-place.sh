# shellcheck shell=bash disable=SC2154
# Restore a snapshot in place. Nothing that was on the host is deleted: what a restore replaces is moved
# aside on the same file system, and each step is written down before it is made, so that `undo` also
# works after a power cut.

# files TARGET SNAPSHOT DIRECTORY [PATH…]: restore into an empty directory, all of it or these paths.
files() {
  aim "$1"
  local directory=$3 dumps
  choose "$2"
  if [ -e "$directory" ] && [ -n "$(ls -A "$directory")" ]; then
    fail "$directory is not empty; name a new directory"
  fi
  mkdir -p "$directory"
  if [ $# -gt 3 ]; then
    some_files "$directory" "${@:4}"
    return
  fi
  room "$directory"
  fetch "$directory"
  mapfile -t dumps < <(of dumps)
  sound "$directory" "${dumps[@]}"
  echo "the snapshot of $taken is in $directory"
}

# phase NAME: written before what it names begins.
phase() {
  echo "$1" >"$record/phase.new"
  mv "$record/phase.new" "$record/phase"
  sync -f "$record"
}

# flush PATH: what was done to it so far is on its disk.
flush() {
  local beside
  beside=$(beside "$1" before)
  # What a path needs above it may not have come yet.
  [ ! -d "${beside%/*}/" ] || sync -f "${beside%/*}/"
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

# staged PATH: the directory beside a path of the job with what is to be put in place.
staged() {
  local root
  root=$(root_of "$1")
  beside "${root:-$1}" restoring
}

# unstaged: nothing is to be put in place any more.
unstaged() {
  local path
  while IFS= read -r path; do
    rm -rf "$(staged "$path")"
  done < <(cat "$record/paths" 2>/dev/null)
}

# roots: the paths of the job, without those inside another one, which move with it.
roots() {
  local path other inner
  while IFS= read -r path; do
    inner=''
    while IFS= read -r other; do
      [[ $path != "${other%/}"/?* ]] || inner=yes
    done < <(of paths)
    [ -n "$inner" ] || echo "$path"
  done < <(of paths) | sort -u
}

# put FROM TO: rename it, and replace nothing: what somebody has written there meanwhile stays, and the
# restore stops before it removes what could not be put in place.
put() {
  mv -nT "$1" "$2"
  ! there "$1" ||
    fail "$2 has appeared meanwhile; stop what writes it, and go back: homelab restore $job --undo"
}

# move FROM TO: all files of a directory into another one of the same file system. May run twice.
move() {
  local from=$1 to=$2 entry
  [ -d "$from" ] || return 0
  mkdir -p "$to"
  while IFS= read -r -d '' entry; do
    put "$entry" "$to/${entry##*/}"
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
  done | sed '/^$/d' | sort -u
}

stop() {
  local unit
  if [ ! -e "$record/units" ]; then
    while IFS= read -r unit; do
      case $(systemctl is-active "$unit" || true) in
        active | activating | reloading) echo "$unit" ;;
      esac
    done < <(users) >"$record/units.new"
    # On a new host nothing runs yet. A dataset may have no unit.
    grep -q '\.service$' "$record/units.new" ||
      users | sed '/^restic-/d' >>"$record/units.new"
    mv "$record/units.new" "$record/units"
  fi
  mapfile -t running <"$record/units"
  [ ${#running[@]} -gt 0 ] || return 0
  echo "stopping ${running[*]}"
  systemctl stop "${running[@]}"
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

# owned NEW OLD: where the owner has another number on this host than in the snapshot. The files of an
# arrival have their owners already.
owned() {
  local new=$1 old=$2 was is
  [ -z "${given:-}" ] || return 0
  [ -e "$old" ] || return 0
  was=$(stat -c %u:%g "$new") is=$(stat -c %u:%g "$old")
  [ "$was" != "$is" ] || return 0
  find "$new" -uid "${was%:*}" -exec chown -h "${is%:*}" {} +
  find "$new" -gid "${was#*:}" -exec chgrp -h "${is#*:}" {} +
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

# postgresql_replace DATABASE DUMP: the present one is renamed.
postgresql_replace() {
  echo "restoring the database $1"
  echo "$1" >>"$record/databases"
  sync -f "$record"
  ! exists "$1" || rename "$1" "$(kept "$1")"
  load "$1" "$2"
}

# kept DATABASE [WHAT]: its name while it is kept aside. PostgreSQL cuts names after 63 bytes.
kept() {
  echo "${1:0:32}_${2:-before}_$stamp"
}

# mounted: the disks of the job, without which its directories are those of another file system.
mounted() {
  local path disk places
  places=$(mount_points)
  while IFS= read -r path; do
    disk=$(disk_of "$path")
    [ -z "$disk" ] || mountpoint -q "$disk" || fail "$disk is not mounted; mount it first"
  done < <(of mounts)
}

# disk_of PATH: the nearest of $places at or above it; empty for a path on the root. The job names paths
# that need their disks, which are seldom mount points.
disk_of() {
  local place found=''
  while IFS= read -r place; do
    case $1/ in "$place"/*) [ "${#place}" -le "${#found}" ] || found=$place ;; esac
  done <<<"$places"
  echo "$found"
}

# mount_points: those that this host has by its configuration, or by ZFS, without the root.
mount_points() {
  local device place zfs
  while read -r device place _; do
    # A space is \040 in fstab.
    case $device,$place in '#'*) ;; *,/?*) printf '%b\n' "$place" ;; esac
  done <"$fstab"
  # A unit that resumes after a boot has no zfs on its PATH.
  zfs=$(command -v zfs) || zfs=/run/current-system/sw/bin/zfs
  [ ! -x "$zfs" ] || "$zfs" list -H -o mountpoint | grep '^/.' || true
}

# recorded: from here on each step is written down.
recorded() {
  [ -z "$(unfinished)" ] || fail "a restore of $job was interrupted; undo it first: homelab restore $job --undo"
  stamp=$(date +%Y%m%d%H%M%S) record=$records/$job-$stamp
  while [ -e "$record" ]; do
    sleep 1
    stamp=$(date +%Y%m%d%H%M%S) record=$records/$job-$stamp
  done
  mkdir -p "$record/dumps"
  echo "$target $snapshot $taken" >"$record/snapshot"
  : >"$record/paths"
  phase fetching
}

# in_place TARGET SNAPSHOT [PATH…]: all of it, or these paths.
in_place() {
  aim "$1"
  mounted
  local path new old file database dumps databases index chosen bytes=0 kind
  choose "$2"
  if [ $# -gt 2 ]; then
    asked "${@:3}"
    for path in "${chosen[@]}"; do
      held "$path"
      placeable "$path"
    done
    recorded
    printf '%s\n' "${chosen[@]}" >"$record/chosen"
    fetch_paths "${chosen[@]}"
    phase replacing
    stop
    ready_for "${chosen[@]}"
    while IFS= read -r path; do
      replace "$path"
    done <"$record/paths"
    in_its_place
    return
  fi
  while IFS= read -r file; do
    [ -z "$file" ] ||
      fail "$file has a dump that only $job itself can load; restore the files with" \
        "homelab restore $job --to DIRECTORY, and load it as its manual says"
  done < <(of byHand)
  while IFS= read -r file; do
    within "$file" || fail "$file is outside of what $job backs up; restore with --to instead"
  done < <(of sqlite)
  recorded
  while IFS= read -r path; do
    new=$(beside "$path" restoring)
    echo "$path" >>"$record/paths"
    sync -f "$record"
    mkdir -p "${path%/*}" "$new"
    room "$new"
    fetch "$new" "$path"
    there "$new$path" || fail "this snapshot does not have $path; choose another snapshot"
    flush "$path"
  done < <(roots)
  while IFS= read -r path; do
    within "$path" || emptied "$path"
  done < <(directories)
  mapfile -t dumps < <(of dumps)
  [ ${#dumps[@]} -eq 0 ] || fetch "$record/dumps" "${dumps[@]}"
  sound "$record/dumps" "${dumps[@]}"
  contained_ready

  phase replacing
  stop
  while IFS= read -r path; do
    replace "$path"
  done <"$record/paths"
  while IFS= read -r path; do
    ! within "$path" || renewed "$path"
  done < <(directories)
  # The dumps of SQLite are the first ones, in the order of their databases.
  mapfile -t databases < <(of sqlite)
  for index in "${!databases[@]}"; do
    place "${databases[index]}" "${dumps[index]}"
  done
  while IFS= read -r database; do
    postgresql_replace "$database" "$record/dumps$dumped/postgresql/$database.sql.gz" ||
      fail "the dump of $database could not be loaded; go back: homelab restore $job --undo"
  done < <(of postgresql)
  while IFS= read -r database; do
    mysql_replace "$database" "$record/dumps$dumped/dumps/$job/mysql-$database.sql" ||
      fail "the dump of $database could not be loaded; go back: homelab restore $job --undo"
  done < <(of mysql)
  contained_load
  in_its_place
}

# in_its_place: start the units, and say what was there before.
in_its_place() {
  local path aside
  while IFS= read -r path; do flush "$path"; done <"$record/paths"
  unstaged
  phase starting
  start || fail "a unit of $job failed after the restore, see journalctl; go back: homelab restore $job --undo"
  phase restored
  rm -rf "$record/dumps"
  mapfile -t aside < <(set_aside)
  if [ ! -e "$record/chosen" ]; then
    echo "$job is as on $taken. What was there before is kept:"
  else
    echo "these are as on $taken:"
    sed 's/^/  /' "$record/chosen"
    [ -z "$(of postgresql)$(of mysql)$(contained_in)" ] || echo "the databases of $job are as before"
    [ ${#aside[@]} -eq 0 ] || echo "what was there before is kept:"
  fi
  [ ${#aside[@]} -eq 0 ] || printf '  %s\n' "${aside[@]}"
  # The restore has ended: an app that only needs longer keeps its data at the next boot.
  healthy
}

# healthy: the service answers, as it must after a deployment.
healthy() {
  local url start=$SECONDS
  url=$(jq -r --arg job "$job" '.[$job].probe // empty' "$description")
  [ -n "$url" ] || return 0
  until probe http "$url" ''; do
    [ $((SECONDS - start)) -lt "$probe_seconds" ] ||
      fail "$job is restored, and does not answer at $url after $probe_seconds s, see journalctl; go back: homelab restore $job --undo"
    sleep 1
  done
  echo "$job answers at $url"
}

# set_aside: what the restore has kept, one on a line.
set_aside() {
  local path old database
  while IFS= read -r path; do
    old=$(beside "$path" before)
    [ ! -e "$old" ] || echo "$old"
  done <"$record/paths"
  while IFS= read -r database; do
    echo "database $(kept "$database")"
  done < <(cat "$record/databases" 2>/dev/null)
  for path in "$record"/kept/*; do
    [ ! -e "$path" ] || echo "$path"
  done
}

within() {
  local path
  while IFS= read -r path; do
    [[ $1 != "$path"/* ]] || return 0
  done < <(of paths)
  return 1
}

# step PATH WHAT: written before it is made, and after the steps before it. `out`: the present files are moved aside; `in`: the
# restored ones are moved in; `back`: the restored ones are moved out again.
step() {
  flush "$1"
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
  new=$(staged "$path") old=$(beside "$path" before)
  ! there "$new$path" || owned "$new$path" "$path"
  step "$path" out
  if [ -d "$path" ]; then
    move "$path" "$old"
  elif [ -e "$path" ]; then
    put "$path" "$old"
  fi
  step "$path" in
  if [ -d "$new$path" ]; then
    mkdir -p "$path"
    chown --reference "$new$path" "$path"
    chmod --reference "$new$path" "$path"
    move "$new$path" "$path"
  elif there "$new$path"; then
    put "$new$path" "$path"
  fi
}

# place FILE DUMP: the dump of a SQLite database at the place of the database.
place() {
  local file=$1 dump=$2 path old=''
  while IFS= read -r path; do
    [[ $file != "$path"/* ]] || old=$(beside "$path" before)${file#"$path"}
  done < <(roots)
  mkdir -p "${file%/*}"
  cp "$record/dumps$dump" "$file.new"
  if [ -e "$old" ]; then
    chown --reference "$old" "$file.new"
    chmod --reference "$old" "$file.new"
  else
    chown --reference "${file%/*}" "$file.new"
    chmod 0600 "$file.new"
  fi
  mv -f "$file.new" "$file"
}
