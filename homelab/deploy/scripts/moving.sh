# shellcheck shell=bash
# Shared by `move.sh` and `homelab-backup`: units that a move holds, and the rows of databases. Only
# definitions. `root` is empty in production.

# held_back FILE UNIT: this unit does not start while the file exists. The next boot forgets it.
held_back() {
  local place=${root:-}/run/systemd/system/$2.d
  mkdir -p "$place"
  printf '[Unit]\nConditionPathExists=!%s\n' "$1" >"$place/homelab-departure.conf"
  chmod 0644 "$place/homelab-departure.conf"
}

# let_go UNIT
let_go() {
  rm -f "${root:-}/run/systemd/system/$1.d/homelab-departure.conf"
  rmdir "${root:-}/run/systemd/system/$1.d" 2>/dev/null || true
}

# postgresql_rows DATABASE: each table with its number of rows, one on a line.
postgresql_rows() {
  (cd / && runuser -u postgres -- psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -d "$1") <<'SQL'
SELECT format('%I.%I', schemaname, tablename),
  (xpath('/row/rows/text()', query_to_xml(
    format('SELECT count(*) AS rows FROM %I.%I', schemaname, tablename), false, true, '')))[1]
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
SQL
}

# mysql_rows DATABASE: the same.
mysql_rows() {
  local table database=${1//\`/\`\`} quoted=${1//\\/\\\\}
  quoted=${quoted//\'/\\\'}
  mysql --batch --raw --skip-column-names --execute "SELECT table_name FROM information_schema.tables
    WHERE table_schema = '$quoted' AND table_type = 'BASE TABLE' ORDER BY 1" |
    while IFS= read -r table; do
      printf '%s ' "$table"
      mysql --batch --skip-column-names \
        --execute "SELECT COUNT(*) FROM \`$database\`.\`${table//\`/\`\`}\`" </dev/null
    done
}
