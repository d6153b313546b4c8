# shellcheck shell=bash disable=SC2154
# One step of a move of a service, on the host that it leaves or on the one that it comes to. DO is the
# step, SERVICE the service. Each step may run twice.
#
# A departure is what a host knows of a service that leaves it: while `held` exists, its units do not
# start, also after a reboot. An arrival holds the files until the units of the service start.

departure=$state/departures/$SERVICE
arrival=$state/arrivals/$SERVICE

# lines FILE: nothing if it does not exist.
lines() { cat "$1" 2>/dev/null || true; }

# look PATH…: what this host has, one `key value` on a line; its backup jobs come last.
look() {
  local path kind
  say "departure $(content "$departure/phase")"
  say "to $(content "$departure/to")"
  say "arrival $(content "$arrival/phase")"
  say "from $(content "$arrival/from")"
  if [ -n "$root" ] || grep -qs 'departures' "$(command -v homelab-backup)"; then say "holds yes"; fi
  say "free $(df -Pk "$root/var/lib" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')"
  for path; do
    kind='missing'
    if [ -d "$root$path" ]; then
      kind='directory'
    elif [ -e "$root$path" ]; then
      kind='file'
    fi
    say "path $kind $(du -sk "$root$path/" 2>/dev/null | awk '{ printf "%.0f", $1 * 1024 }') $path"
  done
  say "jobs $(content "$root/etc/homelab/backup.json" | tr -d '\n')"
}

# within PLACE: into a directory of this host; `arrival/…` and `departure/…` are those of the service.
within() {
  local place=$root$1
  case $1 in
    arrival/*) place=$arrival/${1#*/} ;;
    departure/*) place=$departure/${1#*/} ;;
  esac
  cd "$place" 2>/dev/null || return 1
}

# list PLACE: each entry below it as two texts that end with a zero byte: facts and name, link target.
list() {
  within "$1" || return 0
  find . ! -type s -printf '%y\t%m\t%U\t%G\t%u\t%g\t%s\t%T@\t%p\0%l\0'
}

# sums PLACE: the digest of each file, ended by a zero byte.
sums() {
  within "$1" || return 0
  find . -type f -print0 | xargs -0 -r sha256sum --zero --
}

# send PLACE: an archive of the entries that are named on standard input, each ended by a zero byte.
# The service may still run and remove some. What came is compared afterwards.
send() {
  within "$1" || fail "$1 does not exist here"
  tar --create --file=- --format=posix --null --no-recursion --ignore-failed-read --sparse --files-from=- ||
    [ $? -eq 1 ]
}

# receive PLACE: put the archive of standard input there.
receive() {
  local owners=()
  mkdir -p "$arrival/${1#*/}"
  within "$1"
  if [ "$(id -u)" = 0 ]; then owners=(--same-owner --numeric-owner); fi
  tar --extract --file=- --preserve-permissions --delay-directory-restore ${owners[@]+"${owners[@]}"}
}

# drop PLACE: remove the entries that are named on standard input, each ended by a zero byte.
drop() {
  within "$1" || return 0
  xargs -0 -r rm -rf --
}

# with_triggers UNIT…: these units, with the timers and sockets that start them.
with_triggers() {
  local unit
  for unit; do
    systemctl show --property=TriggeredBy --value "$unit" </dev/null | tr ' ' '\n'
    say "$unit"
  done | sed '/^$/d' | sort -u
}

# hold HOST UNIT…: stop the units, and keep them from starting, until `release`. PATHS and DATABASES
# are what is left here.
hold() {
  local unit to=$1
  shift
  take_lock "moving $SERVICE"
  mkdir -p "$departure"
  if [ ! -e "$departure/held" ]; then
    printf '%s' "$PATHS" >"$departure/paths"
    printf '%s' "$DATABASES" >"$departure/databases"
    with_triggers "$@" >"$departure/units"
    while IFS= read -r unit; do
      if systemctl is-active --quiet "$unit" </dev/null; then say "$unit"; fi
    done <"$departure/units" >"$departure/running"
    write "$departure/to" "$to"
    write "$departure/phase" held
    land "$departure"
    write "$departure/held" "$(date +%s)"
  fi
  while IFS= read -r unit; do
    held_back "/var/lib/homelab/departures/$SERVICE/held" "$unit"
  done <"$departure/units"
  systemctl daemon-reload
  while IFS= read -r unit; do
    systemctl is-active --quiet "$unit" </dev/null || continue
    say "stopping $unit"
    systemctl stop "$unit" </dev/null
  done <"$departure/units"
}

# dump KIND:DATABASE…: dump each, and count its rows. The units are stopped, so both are of one time.
dump() {
  local word kind database file
  [ -e "$departure/held" ] || fail "$SERVICE still runs here"
  mkdir -p "$departure/dumps" "$departure/rows"
  for word; do
    kind=${word%%:*} database=${word#*:} file=$departure/dumps/${word/:/-}.sql
    say "dumping the database $database"
    case $kind in
      postgresql)
        (cd / && runuser -u postgres -- pg_dump --create -- "$database") | gzip >"$file.gz.new"
        mv -f "$file.gz.new" "$file.gz"
        postgresql_rows "$database" >"$departure/rows/$kind-$database"
        ;;
      mysql)
        mysqldump --single-transaction --routines --events --triggers --databases "$database" \
          >"$file.new"
        mv -f "$file.new" "$file"
        mysql_rows "$database" >"$departure/rows/$kind-$database"
        ;;
    esac
  done
  land "$departure"
}

# begin HOST: files come from this host now.
begin() {
  mkdir -p "$arrival"
  write "$arrival/from" "$1"
  write "$arrival/phase" copying
}

# ready: all has come and was compared. PATHS, OWNERS and the databases are for `homelab-backup arrive`.
ready() {
  printf '%s' "$PATHS" >"$arrival/paths"
  printf '%s' "$OWNERS" >"$arrival/owners"
  printf '%s' "$POSTGRESQL" >"$arrival/postgresql"
  printf '%s' "$MYSQL" >"$arrival/mysql"
  land "$arrival"
  write "$arrival/phase" ready
}

# no_longer_held: the units may start again.
no_longer_held() {
  local unit
  rm -f "$departure/held"
  land "$departure"
  lines "$departure/units" | while IFS= read -r unit; do let_go "$unit"; done
  systemctl daemon-reload
}

# release: the service stays on this host, and starts again.
release() {
  local unit
  [ -e "$departure/phase" ] || return 0
  take_lock "keeping $SERVICE"
  no_longer_held
  while IFS= read -r unit; do
    say "starting $unit"
    systemctl start "$unit" </dev/null || say "$unit does not start now; pulumi up starts it"
  done < <(lines "$departure/running")
  rm -rf "$departure"
}

# left: the service runs on the other host. What it left here stays, and `homelab orphans` lists it.
left() {
  [ -e "$departure/phase" ] || return 0
  no_longer_held
  rm -rf "$departure/dumps" "$departure/rows"
  write "$departure/phase" left
}

# discard: forget what came, or the mark of an earlier move.
discard() { rm -rf "$arrival"; }

main() {
  case $DO in
    look | list | sums | send | receive | drop | hold | dump | begin | ready | release | left | discard)
      "$DO" "$@"
      ;;
    *) fail "$DO is no step of a move" ;;
  esac
}

main "$@"
