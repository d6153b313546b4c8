# shellcheck shell=bash disable=SC2154
# Restore single files and directories of a snapshot. Databases of a server stay as they are. A SQLite
# database comes from its dump: its live file is not in the snapshot.

# there PATH: it exists, also as a link that leads nowhere.
there() {
  [ -e "$1" ] || [ -L "$1" ]
}

# root_of PATH: the path of the job that it is, or is in.
root_of() {
  local path
  while IFS= read -r path; do
    if [[ $1 == "$path" || $1 == "${path%/}"/* ]]; then
      echo "$path"
      return
    fi
  done < <(roots)
}

# asked PATH…: into the array `chosen`, without those inside another one.
asked() {
  local path other inner all=()
  for path in "$@"; do
    [[ $path == /* ]] || fail "$path: a path on the host is absolute; start it with /"
    [[ $path != *[[:cntrl:]]* ]] || fail "a path with a control character; name the directory around it"
    all+=("$(realpath -ms -- "$path")")
  done
  chosen=()
  while IFS= read -r path; do
    [ -n "$(root_of "$path")" ] ||
      fail "$path is outside of what $job backs up: $(roots | paste -sd ' ' -)"
    inner=''
    for other in "${all[@]}"; do
      [[ $path != "$other"/* ]] || inner=yes
    done
    [ -n "$inner" ] || chosen+=("$path")
  done < <(printf '%s\n' "${all[@]}" | sort -u)
}

# dumped_in PATH: the SQLite databases that it is or holds, each with its dump, after a tab.
dumped_in() {
  local index databases dumps
  mapfile -t databases < <(of sqlite)
  mapfile -t dumps < <(of dumps)
  for index in "${!databases[@]}"; do
    [[ ${databases[index]} != "$1" && ${databases[index]} != "$1"/* ]] ||
      printf '%s\t%s\n' "${databases[index]}" "${dumps[index]}"
  done
}

# nodes PATH: what the snapshot has at the path and below it, as JSON.
nodes() {
  ask ls --recursive "$snapshot" "$1" | jq -c --arg path "$1" \
    'select(.struct_type == "node" and (.path == $path or (.path | startswith($path + "/"))))'
}

# held PATH: the snapshot has it. Sets `kind` to file, dir or the like, and adds its bytes to `bytes`.
held() {
  local found sum file dump
  found=$(nodes "$1" | jq -n -r --arg path "$1" \
    'reduce inputs as $n ([0, ""]; [.[0] + ($n.size // 0), (if $n.path == $path then $n.type else .[1] end)]) | @tsv')
  sum=${found%%$'\t'*} kind=${found#*$'\t'}
  bytes=$((bytes + sum))
  while IFS=$'\t' read -r file dump; do
    [ "$file" != "$1" ] || kind='file'
    sum=$(nodes "$dump" | jq -n '[inputs | .size // 0] | add // 0')
    bytes=$((bytes + sum))
  done < <(dumped_in "$1")
  [ -n "$kind" ] ||
    fail "the snapshot of $taken does not have $1; see what it has as root: restic-$job-$target ls $snapshot"
}

# roomy DIRECTORY: its file system has space for `bytes`.
roomy() {
  local free
  free=$(df --output=avail --block-size=1 "$1" | tail -n 1)
  [ "$free" -gt "$bytes" ] ||
    fail "$1 has $((free / 1048576)) MiB free, and what is restored has $((bytes / 1048576)) MiB"
}

# brought DIRECTORY PATH: fetch the path below the directory, with each database of it from its dump.
brought() {
  local directory=$1 path=$2 file dump owner fetched=()
  while IFS=$'\t' read -r file dump; do fetched+=("$dump"); done < <(dumped_in "$path")
  fetch "$directory" "$path" "${fetched[@]}"
  sound "$directory" "${fetched[@]}"
  while IFS=$'\t' read -r file dump; do
    mkdir -p "$directory${file%/*}"
    cp "$directory$dump" "$directory$file"
    chmod 0600 "$directory$file"
    owner=$directory${file%/*}
    # Its directory is not fetched with a database alone.
    [ "$file" != "$path" ] || [ ! -d "${file%/*}" ] || owner=${file%/*}
    chown --reference "$owner" "$directory$file"
    like "$file" "$directory$file"
    rm "$directory$dump"
  done < <(dumped_in "$path")
  # A dump has its own path below the directory.
  [ ${#fetched[@]} -eq 0 ] || find "$directory$dumped" -type d -empty -delete 2>/dev/null || true
  there "$directory$path" || fail "$path could not be read from the snapshot of $taken"
}

# some_files DIRECTORY PATH…: these paths, below an empty directory.
some_files() {
  local directory=$1 path chosen bytes=0 kind
  shift
  asked "$@"
  for path in "${chosen[@]}"; do held "$path"; done
  roomy "$directory"
  for path in "${chosen[@]}"; do brought "$directory" "$path"; done
  echo "as on $taken:"
  for path in "${chosen[@]}"; do echo "  $directory$path"; done
}

# direct PATH: no link is between it and the path of the job, so that whoever owns the data cannot lead root
# to other files.
direct() {
  local root up
  root=$(root_of "$1") up=${1%/*}
  [ "$root" != "$1" ] || return 0
  [ "$(realpath -m -- "$up")" = "$(realpath -m -- "$root")${up#"$root"}" ] ||
    fail "$up leads through a link to $(realpath -m -- "$up"); restore with --to, and copy it yourself"
}

# placeable PATH: it may be put in place.
placeable() {
  local path=$1 root other at
  root=$(root_of "$path")
  [ -d "$root" ] || [ "$root" = "$path" ] ||
    fail "$root does not exist on this host; restore all of it: homelab restore ${job#dataset-} --in-place"
  direct "$path"
  while IFS= read -r other; do
    [[ $path/ != "$other"/* && $other/ != "$path"/* ]] ||
      fail "$other has the files of a database in a container, which come from its dump; restore with --to, or all of it without --path"
  done < <(directories)
  while IFS= read -r other; do
    [[ $other/ != "$path"/* ]] ||
      fail "$other has a dump that only $job itself can load; restore with --to, or name what is beside it"
  done < <(of byHand)
  case $kind in
    file | dir) ;;
    *) fail "$path is a $kind in the snapshot; restore with --to, and copy it yourself" ;;
  esac
  there "$path" || return 0
  at='special file'
  [ ! -f "$path" ] || at='file'
  [ ! -d "$path" ] || at=dir
  [ ! -L "$path" ] || at=symlink
  [ "$at" = "$kind" ] ||
    fail "$path is a $kind in the snapshot and a $at here; rename what is here first, or restore with --to"
}

# numbers PATH: the owners of a path of the snapshot, as numbers, and its mode. restic writes the modes of
# Go, where setgid is another bit.
numbers() {
  ask ls "$snapshot" "$1" | jq -r --arg path "$1" 'select(.path == $path) |
    "\(.uid) \(.gid) \(.mode % 512 + (.mode / 4194304 | floor) % 2 * 1024)"'
}

# renumber NEW ROOT: what belongs to the owner of this path of the job in the snapshot belongs to the
# owner that the path has here. A new host may give a user another number.
renumber() {
  local uid gid is
  [ -d "$2" ] || return 0
  read -r uid gid _ < <(numbers "$2") || return 0
  is=$(stat -c %u:%g "$2")
  [ "$uid:$gid" != "$is" ] || return 0
  find "$1" -uid "$uid" -exec chown -h "${is%:*}" {} +
  find "$1" -gid "$gid" -exec chgrp -h "${is#*:}" {} +
}

# parents PATH ROOT: the directories between them that are missing, with the owners of the snapshot.
parents() {
  local up=${1%/*} uid gid mode
  if [ -d "$up" ] || [[ $up != "$2"/* ]]; then
    return 0
  fi
  parents "$up" "$2"
  mkdir -m 0700 "$up"
  read -r uid gid mode < <(numbers "$up") || return 0
  chown "$uid:$gid" "$up"
  chmod "$(printf %o "$mode")" "$up"
  renumber "$up" "$2"
}

# fetch_paths PATH…: fetch them beside the paths of the job. Nothing has stopped yet.
fetch_paths() {
  local path new root file
  for path in "$@"; do
    root=$(root_of "$path")
    new=$(staged "$path")
    echo "$path" >>"$record/paths"
    sync -f "$record"
    mkdir -p "${root%/*}" "$new"
    roomy "$new"
    brought "$new" "$path"
    renumber "$new$path" "$root"
    while IFS=$'\t' read -r file _; do
      # What the present database has written beside itself does not belong to the restored one.
      [ "$file" != "$path" ] || printf '%s\n' "$path-wal" "$path-shm" "$path-journal" >>"$record/paths"
    done < <(dumped_in "$path")
    flush "$root"
  done
}

# ready_for PATH…: after the units have stopped.
ready_for() {
  local path
  for path in "$@"; do
    direct "$path"
    parents "$path" "$(root_of "$path")"
  done
}
