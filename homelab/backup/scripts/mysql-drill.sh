# shellcheck shell=bash disable=SC2154
# Dumps of the host's MySQL or MariaDB are loaded into a throwaway server, as a drill.

# What an empty server needs, in MiB. Files of tables are larger than their dump.
empty_server=400
# A server that compares names or limits rows differently would refuse dumps of the present one.
alike="'innodb_page_size', 'innodb_strict_mode', 'lower_case_table_names', 'max_allowed_packet'"

# mysql_loads DIRECTORY: the MySQL dumps load into an empty server, which is removed, and each table of it
# can be read. Where there is no room for it, the report of the drill says so.
mysql_loads() {
  local database file dump=0 free need at tables rows
  of mysql | grep -q . || return 0
  while IFS= read -r database; do
    file=$1$dumped/dumps/$job/mysql-$database.sql
    dump=$((dump + $(stat -c %s "$file")))
  done < <(of mysql)
  need=$((empty_server + 3 * dump / 1048576))
  free=$(($(df --output=avail --block-size=1 "$scratch" | tail -n 1) / 1048576))
  if [ "$free" -lt "$need" ]; then
    opened="$opened; the MySQL dumps were not loaded: $scratch has $free MiB free, and it takes $need MiB"
    return
  fi
  at=$(mktemp -d "$scratch/homelab-drill.XXXXXX")
  leftover+=("$at")
  mysql_trial "$at"
  while IFS= read -r database; do
    in_trial "$at" <"$1$dumped/dumps/$job/mysql-$database.sql" >/dev/null ||
      fail "the dump of $database in the snapshot of $taken cannot be loaded"
    read -r tables rows < <(mysql_read "$at" "$database") ||
      fail "the dump of $database in the snapshot of $taken loads, and a table of it cannot be read"
    opened="$opened; $database loads, with $rows rows in $tables tables"
  done < <(of mysql)
  mysql_stop
}

# mysql_trial DIRECTORY: an empty server with its files and its socket there, and without network. Only its
# user enters the directory, so root needs no password. It dies with this program.
mysql_trial() {
  local at=$1 server base user like tries=0
  server=$(command -v mysqld || command -v mariadbd) ||
    fail "there is no mysqld here, so the dumps cannot be tried"
  base=$(cd -P "${server%/*}/.." && pwd)
  if ! {
    user=$(stat -c %U "$(mysql --batch --skip-column-names --execute 'SELECT @@datadir')") &&
      like=$(mysql --batch --skip-column-names --execute "SHOW VARIABLES WHERE Variable_name IN ($alike)")
  }; then
    fail "MySQL does not answer, so the dumps cannot be tried"
  fi
  mapfile -t like < <(sed 's/^/--/; s/\t/=/' <<<"$like")
  chown "$user:" "$at"
  if [ -x "$base/bin/mysql_install_db" ]; then
    "$base/bin/mysql_install_db" --no-defaults --force --user="$user" --basedir="$base" --datadir="$at/data" \
      --auth-root-authentication-method=normal --skip-test-db "${like[@]}"
  else
    "$server" --no-defaults --initialize-insecure --user="$user" --basedir="$base" --datadir="$at/data" "${like[@]}"
  fi >"$at/log" 2>&1 8>&- || fail "an empty MySQL cannot be made: $(tail -n 1 "$at/log")"
  # No event of a dump may run.
  (cd / && exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --pdeathsig KILL \
    "$server" --no-defaults --basedir="$base" --datadir="$at/data" --socket="$at/socket" --pid-file="$at/pid" \
    --skip-networking --event-scheduler=OFF --innodb-flush-log-at-trx-commit=0 "${like[@]}") \
    >"$at/log" 2>&1 8>&- &
  leftover_server=$!
  until in_trial "$at" --execute 'SELECT 1' >/dev/null 2>&1; do
    tries=$((tries + 1))
    { [ "$tries" -lt 120 ] && kill -0 "$leftover_server" 2>/dev/null; } ||
      fail "an empty MySQL does not start: $(tail -n 1 "$at/log")"
    sleep 1
  done
}

# in_trial DIRECTORY WORD…: the client of that server, and of no other.
in_trial() {
  mysql --no-defaults --socket="$1/socket" --user=root --batch --skip-column-names "${@:2}"
}

# mysql_read DIRECTORY DATABASE: how many tables and rows it has. Fails if one cannot be read.
mysql_read() {
  local table tables=0 rows=0 count found
  found=$(in_trial "$1" "$2" --execute "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'") || return 1
  while IFS=$'\t' read -r table _; do
    [ -n "$table" ] || continue
    count=$(in_trial "$1" "$2" --execute "SELECT count(*) FROM \`${table//\`/\`\`}\`" </dev/null) || return 1
    tables=$((tables + 1)) rows=$((rows + count))
  done <<<"$found"
  echo "$tables $rows"
}

mysql_stop() {
  kill -KILL "$leftover_server" 2>/dev/null || true
  wait "$leftover_server" 2>/dev/null || true
  leftover_server=''
}
