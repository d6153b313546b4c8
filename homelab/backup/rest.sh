# shellcheck shell=bash
# The repositories that this host serves with a rest-server. Sourced by the units of the target.

fail() {
  echo "$*" >&2
  return 1
}

# store DIRECTORY: root of all repositories. Only the rest-server's account enters it.
store() {
  install --directory --mode 0700 --owner restic --group restic "$1"
}

# logins FILE CLIENT=HASH…: the clients, each with the file that has the hash of its password.
logins() {
  local file=$1 login
  shift
  : >"$file.new"
  chmod 0640 "$file.new"
  chgrp restic "$file.new"
  for login in "$@"; do
    [ -s "${login#*=}" ] || fail "${login#*=} is missing, so ${login%%=*} could not sign in"
    printf '%s:%s\n' "${login%%=*}" "$(cat "${login#*=}")" >>"$file.new"
  done
  mv "$file.new" "$file"
}

# honest REPOSITORY DAYS: each snapshot came about when it says it was made. A client that lies about
# the time could have the others removed: those of a day, by a newer one of the same day. DAYS is how
# long a backup may take; 0 for copies, which come later.
honest() {
  local id time at came
  while read -r id time; do
    at=$(date --date "$time" +%s) came=$(stat --format %Y "$1/snapshots/$id")
    if [ "$at" -gt $((came + 86400)) ] || { [ "$2" != 0 ] && [ "$at" -lt $((came - $2 * 86400)) ]; }; then
      fail "$1: the snapshot ${id:0:8} is dated $time and came on $(date --date "@$came" +%F)," \
        "so no old snapshot is removed. If its date is right: touch --date '$time' '$1/snapshots/$id'." \
        "If not, remove it: restic forget ${id:0:8}"
      return
    fi
  done < <(jq -r '.[] | "\(.id) \(.time)"' <<<"$3")
}

# trim REPOSITORY PASSWORD DAYS KEEP…: remove the snapshots that the retention does not keep, none of
# them younger than two weeks. PASSWORD is a file. A repository without a backup is left alone.
trim() {
  local repository=$1 days=$3 found
  export RESTIC_REPOSITORY=$1 RESTIC_PASSWORD_FILE=$2
  shift 3
  [ -e "$repository/config" ] || return 0
  restic unlock --quiet || fail "$repository cannot be opened" || return
  found=$(restic snapshots --json --no-lock) || fail "$repository cannot be read" || return
  honest "$repository" "$days" "$found" || return
  restic forget --quiet --prune --retry-lock 1h --group-by host --keep-within 14d "$@" ||
    fail "$repository: old snapshots could not be removed"
}
