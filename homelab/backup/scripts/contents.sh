# shellcheck shell=bash disable=SC2154
# What a snapshot must have so that a restore from it is whole: every path of its job, and dumps that
# are of the same days as the files and are not empty.

# Apps make dumps of their own each night, or every few days.
own_dump_days=8

# links: paths of the job that are links to what no path of the job holds. restic stores only the link
# itself, so such a backup has no data: /var/lib/NAME of a unit with DynamicUser is such a link.
links() {
  local path real
  while IFS= read -r path; do
    [ -L "$path" ] || continue
    real=$(realpath -m -- "$path")
    holds "$real" || echo "$path is a link to $real"
  done < <(of paths)
}

# absent SNAPSHOTS: paths and dumps of the job that the newest of these snapshots does not have. restic
# leaves out what does not exist, and succeeds.
absent() {
  comm -13 <(jq -r 'last | .paths[]?' <<<"$1" | sort -u) \
    <({ of paths && of dumps; } | sed '/^$/d; s:\(.\)/*$:\1:' | sort -u)
}

# stale: dumps that were not made again, because their program failed or did not run. Those of the app
# itself are files of a directory.
stale() {
  local file made
  while IFS= read -r file; do
    [ ! -e "$file" ] || old "$file" "$(stat -c %Y "$file")" "$(max_age)"
  done < <(of dumps)
  while IFS= read -r file; do
    made=$(find "$file" -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)
    [ -z "$made" ] || old "the newest dump in $file" "${made%.*}" "$own_dump_days"
  done < <(of byHand | sed -n '/^\//p')
}

# old WHAT TIME DAYS: a line if it is older.
old() {
  [ $(($(date +%s) - $2)) -le $(($3 * 86400)) ] || echo "$1 is of $(date -d "@$2" +%F)"
}

# shrunk SNAPSHOTS: a line if the newest of these snapshots has less than half of the one before, and that
# had something to lose: an app that began anew, a directory without its disk, files that somebody deleted.
shrunk() {
  jq -r '[.[] | .summary.total_bytes_processed // empty] as $sizes
    | if ($sizes | length) < 2 or .[-1].summary == null then empty
      else $sizes[-2:] | select(.[0] > 10e6 and .[1] < .[0] / 2)
        | "it has \(.[1] / 1e6 | ceil) MB, and the one before had \(.[0] / 1e6 | ceil) MB" end' <<<"$1"
}

# holds FILE: whether it is a path of the job, or below one.
holds() {
  local path
  while IFS= read -r path; do
    case $1 in
      "$path" | "${path%/}"/*) return 0 ;;
    esac
  done < <(of paths)
  return 1
}

# filled DIRECTORY: the dumps of SQLite and MySQL have tables, unless the present database has none.
filled() {
  local index database databases dumps count='SELECT count(*) FROM sqlite_master'
  mapfile -t databases < <(of sqlite)
  mapfile -t dumps < <(of dumps)
  for index in "${!databases[@]}"; do
    database=${databases[index]}
    has_tables "$database" "$(sqlite3 -readonly "file:$1${dumps[index]}?immutable=1" "$count")" \
      "$(sqlite3 -readonly "$database" "$count" 2>/dev/null || true)"
  done
  while IFS= read -r database; do
    has_tables "$database" "$(grep -c '^CREATE TABLE ' "$1$dumped/dumps/$job/mysql-$database.sql" || true)" \
      "$(mysql --batch --skip-column-names --execute \
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = '$database'" 2>/dev/null || true)"
  done < <(of mysql)
}

# has_tables DATABASE COUNT PRESENT
has_tables() {
  [ "$2" -gt 0 ] || [ "$3" = 0 ] || fail "the dump of $1 in the snapshot of $taken has no table"
  opened="$opened; $1 has $2 tables"
}

# app_dumps: the snapshot has a dump in each directory where the app makes them.
app_dumps() {
  local place
  while IFS= read -r place; do
    PLACE=$place/ awk -F '\t' 'index($2, ENVIRON["PLACE"]) == 1 && $1 > 0 { found = 1 } END { exit !found }' "$list" ||
      fail "the snapshot of $taken has no dump in $place, and only $job itself makes one"
  done < <(of byHand | sed -n '/^\//p')
}
