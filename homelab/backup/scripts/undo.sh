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
