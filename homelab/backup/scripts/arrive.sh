# shellcheck shell=bash disable=SC2154
# The state of a service that moved here from another host. `homelab move` has copied and compared it;
# this puts it in place, as a restore does, before the units of the service start for the first time.

arrivals=${HOMELAB_ARRIVALS:-/var/lib/homelab/arrivals}
departures=${HOMELAB_DEPARTURES:-/var/lib/homelab/departures}

# The directory with lists that take precedence over those of the job, while a service arrives.
given=''

# linked FROM TO: a copy that takes no space on the same file system.
linked() {
  cp -al "$1" "$2" 2>/dev/null && return
  rm -rf "$2"
  cp -a --reflink=auto "$1" "$2"
}

# renumbered DIRECTORY: users and groups have other numbers on this host. Each line of the list has the
# numbers there and the names; an empty name keeps its number.
renumbered() {
  local numbers names user group number=0
  while read -r numbers names; do
    number=$((number + 1))
    find "$1" -uid "${numbers%:*}" -gid "${numbers#*:}" -print0 >"$record/owned.$number"
  done <"$given/owners"
  number=0
  while read -r numbers names; do
    number=$((number + 1))
    user=${names%:*} group=${names#*:}
    id -u "$user" >/dev/null 2>&1 || user=${numbers%:*}
    if [ -z "$group" ]; then
      group=$(id -g "$user" 2>/dev/null || echo "${numbers#*:}")
    elif ! getent group "$group" >/dev/null; then
      group=${numbers#*:}
    fi
    xargs -0 -r chown -h -- "$user:$group" <"$record/owned.$number"
    rm "$record/owned.$number"
  done <"$given/owners"
}

# same_rows KIND DATABASE: each table has as many rows as on the host that it came from.
same_rows() {
  local rows
  rows=$("$1_rows" "$2")
  [ "$rows" = "$(<"$given/rows/$1-$2")" ] ||
    fail "$2 does not have the rows that it had on $(<"$given/from")"
}

# arrive JOB: put the files and databases in place, once.
arrive() {
  local path new database old unit
  given=$arrivals/$job
  case $(cat "$given/phase" 2>/dev/null || true) in
    arrived) return ;;
    ready) ;;
    *) fail "the state of $job has not come from the host that had it; run: homelab move $job" ;;
  esac
  record=$(unfinished | tail -n 1)
  [ -z "$record" ] || take_back
  stamp=$(date +%Y%m%d%H%M%S) record=$records/$job-$stamp
  while [ -e "$record" ]; do
    sleep 1
    stamp=$(date +%Y%m%d%H%M%S) record=$records/$job-$stamp
  done
  mkdir -p "$record"
  : >"$record/paths"
  : >"$record/units"
  phase fetching
  while IFS= read -r path; do
    new=$(beside "$path" restoring)
    echo "$path" >>"$record/paths"
    sync -f "$record"
    mkdir -p "${path%/*}" "$new${path%/*}"
    linked "$given/files$path" "$new$path"
    renumbered "$new$path"
    flush "$path"
  done < <(roots)
  phase replacing
  while IFS= read -r path; do replace "$path"; done < <(roots)
  while IFS= read -r database; do
    postgresql_replace "$database" "$given/dumps/postgresql-$database.sql.gz" ||
      fail "the dump of $database could not be loaded"
    same_rows postgresql "$database"
  done < <(of postgresql)
  while IFS= read -r database; do
    mysql_replace "$database" "$given/dumps/mysql-$database.sql" ||
      fail "the dump of $database could not be loaded"
    same_rows mysql "$database"
  done < <(of mysql)
  while IFS= read -r path; do flush "$path"; done <"$record/paths"
  unstaged
  phase restored
  echo arrived >"$given/phase.new"
  mv "$given/phase.new" "$given/phase"
  sync -f "$given"
  echo "$job has the state that it had on $(<"$given/from")"
  while IFS= read -r path; do
    old=$(beside "$path" before)
    # A directory that the module had made, and that is still empty, is of no use.
    rmdir "$old" 2>/dev/null || [ ! -e "$old" ] || echo "  $old has what was here before"
  done <"$record/paths"
  rm -rf "$given/files" "$given/dumps"
  stay
}

# stay: on the host that it has moved within, the units of the former kind are gone.
stay() {
  local unit
  [ -e "$departures/$job/held" ] || return 0
  rm "$departures/$job/held"
  while IFS= read -r unit; do let_go "$unit"; done <"$departures/$job/units"
  systemctl daemon-reload
}

# hold_back: at boot, before the units start: those of a service that moves to another host do not.
hold_back() {
  local file unit
  for file in "$departures"/*/held; do
    [ -e "$file" ] || continue
    while IFS= read -r unit; do held_back "$file" "$unit"; done <"${file%/*}/units"
    systemctl daemon-reload
  done
}
