# shellcheck shell=bash disable=SC2154
# Undo the last restore in place of a job.

# records_of: the restores of this job, the oldest first. Other jobs may start with its name.
records_of() {
  local found
  for found in "$records/$job"-*; do
    [[ ${found#"$records/$job"-} =~ ^[0-9]{14}$ && -e $found/phase ]] || continue
    echo "$found"
  done
}

# The record of a restore of this job that has not ended.
unfinished() {
  local found
  while IFS= read -r found; do
    case $(<"$found/phase") in
      restored | undone) ;;
      *) echo "$found" ;;
    esac
  done < <(records_of)
}

# The record of the last restore that was not undone.
last() {
  local found newest=''
  while IFS= read -r found; do
    [ "$(<"$found/phase")" = undone ] || newest=$found
  done < <(records_of)
  echo "$newest"
}

# undo: stop the units, put back what a restore replaced, and start them.
undo() {
  record=$(last)
  [ -n "$record" ] || fail "no restore of $job is to be undone on this host"
  mounted
  if [ "$(<"$record/phase")" = fetching ]; then
    take_back
  else
    stop
    take_back
    start || fail "a unit of $job failed, see journalctl; its data is as before the restore"
  fi
  told_undone
}

# take_back: the data is as before the restore. May run again after a power cut.
take_back() {
  local path database
  stamp=${record##*-}
  if [ "$(<"$record/phase")" != fetching ]; then
    phase undoing
    while IFS= read -r path; do
      put_back "$path"
    done <"$record/paths"
    while IFS= read -r database; do
      exists "$(kept "$database")" || continue
      ! exists "$database" || rename "$database" "$(kept "$database" undone)"
      rename "$(kept "$database")" "$database"
    done < <(cat "$record/databases" 2>/dev/null)
    while IFS= read -r database; do
      mysql_back "$database"
    done < <(cat "$record/mysql" 2>/dev/null)
  fi
  unstaged
  while IFS= read -r path; do
    flush "$path"
  done < <(cat "$record/paths" 2>/dev/null)
  rm -rf "$record/dumps"
  phase undone
}

told_undone() {
  local path gone
  echo "$job is as before the restore"
  while IFS= read -r path; do
    gone=$(beside "$path" undone)
    [ ! -e "$gone" ] || echo "  $gone has what was restored"
  done < <(cat "$record/paths" 2>/dev/null)
}

# resume: at boot, before the units of the jobs start. A restore or an undo that a power cut
# interrupted is undone, and the units of a service that moves away are held.
resume() {
  local bad=''
  hold_back
  # A restore that still runs is not interrupted.
  mkdir -p "$records"
  exec 7>"$records/.lock"
  flock -n 7 || return 0
  exec 7>&-
  while IFS= read -r job; do
    record=$(unfinished | tail -n 1)
    [ -n "$record" ] || continue
    # In a process of its own: one failure must not stop the others.
    bash "$0" take-back "$job" || bad=yes
  done < <(jq -r 'keys[]' "$description")
  [ -z "$bad" ] || fail "a restore that was interrupted could not be undone; try: homelab restore NAME --undo"
}

taken_back() {
  local disk
  record=$(unfinished | tail -n 1)
  [ -n "$record" ] || return 0
  # Optional disks may be mounted later in a boot.
  while IFS= read -r disk; do
    mountpoint -q "$disk" || systemctl start "$(systemd-escape --path --suffix=mount "$disk")" || true
  done < <(of mounts)
  mounted
  take_back
  told_undone
}

# put_back PATH: what was moved aside. What the restore brought is kept beside it.
put_back() {
  local path=$1 old gone at entry
  old=$(beside "$path" before) gone=$(beside "$path" undone) at=$(reached "$path")
  if [ "$at" = in ]; then
    if [ -d "$path" ]; then
      move "$path" "$gone"
    elif [ -e "$path" ]; then
      put "$path" "$gone"
    fi
    step "$path" back
  fi
  [ -n "$at" ] && [ -e "$old" ] || return 0
  if [ -d "$old" ]; then
    # Somebody may have made a file of the same name meanwhile.
    while IFS= read -r -d '' entry; do
      [ -e "$path/$entry" ] || [ -L "$path/$entry" ] || continue
      mkdir -p "$gone"
      mv -T "$path/$entry" "$gone/$entry"
    done < <(find "$old" -mindepth 1 -maxdepth 1 -printf '%f\0')
    move "$old" "$path"
    rmdir "$old"
  else
    put "$old" "$path"
  fi
}
