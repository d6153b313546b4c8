# shellcheck shell=bash disable=SC2154
# Prove that backups can be restored: record each backup, check repositories, restore samples.

# Days after which a backup is too old, and days between two drills of a job.
max_age=${HOMELAB_BACKUP_MAX_AGE_DAYS:-3}
drill_days=${HOMELAB_BACKUP_DRILL_DAYS:-30}
# Snapshots larger than this are restored in part.
drill_bytes=$((${HOMELAB_BACKUP_DRILL_MEGABYTES:-1024} * 1000000))
sample_files=200
proofs=${HOMELAB_BACKUP_PROOFS:-/var/lib/homelab/backups}
metrics=${HOMELAB_BACKUP_METRICS:-}
# For servers of PostgreSQL and MySQL, whose users cannot enter the directories of root.
scratch=${HOMELAB_BACKUP_SCRATCH:-/var/tmp}

# record WHAT TEXT: the time, and a line about it. WHAT is saved, checked or drilled.
record() {
  local place=$proofs/$job/$target
  mkdir -p "$place"
  echo "$(date +%s) $2" >"$place/$1.new"
  mv "$place/$1.new" "$place/$1"
}

# at WHAT: its last time; empty if it never happened.
at() {
  cut -d ' ' -f 1 "$proofs/$job/$target/$1" 2>/dev/null || true
}

# due WHAT DAYS: whether it is time again. The first time of each job is spread over that period.
due() {
  local next=$proofs/$job/$target/next-$1
  if [ ! -e "$next" ]; then
    echo $(($(date +%s) + $(cksum <<<"$job-$target" | cut -d ' ' -f 1) % $2 * 86400)) >"$next"
  fi
  [ "$(date +%s)" -ge "$(<"$next")" ]
}

# done_until WHAT DAYS
done_until() {
  mkdir -p "$proofs/$job/$target"
  echo $(($(date +%s) + $2 * 86400)) >"$proofs/$job/$target/next-$1"
}

# saved TARGET: called after each backup. Also makes the check and the drill that are due.
saved() {
  aim "$1"
  local line bad='' linked found lost
  linked=$(links | paste -sd ';' | sed 's/;/; /g')
  [ -z "$linked" ] ||
    fail "$job is not backed up: $linked, and a backup has only the link; name the directory that it leads to"
  # Jobs end at the same time; their checks and drills wait for each other.
  export HOMELAB_BACKUP_WAIT=21600
  found=$(ask snapshots)
  # What a copy has is what the backup that it copies had.
  if [ -z "$(from target)" ]; then
    lost=$(absent "$found" | paste -sd ' ')
    [ -z "$lost" ] ||
      fail "$job is not backed up: the snapshot does not have $lost; see why it is not there, or leave it out of the backup"
    lost=$(stale | paste -sd ';' | sed 's/;/; /g')
    [ -z "$lost" ] || fail "$job is not backed up: $lost; see the log of what makes it"
  fi
  line=$(jq -r 'last | .short_id + (
    if .summary then ", \(.summary.total_files_processed) files, \(.summary.total_bytes_processed / 1e6 | ceil) MB, \(
      .summary.data_added_packed // .summary.data_added | . / 1e6 | ceil) MB added" else "" end)' <<<"$found")
  record saved "$line"
  echo "$job is saved to $target: $line"
  # In processes of their own: one failure must not hide the other.
  if due check 7; then bash "$0" check "$job" "$target" || bad=yes; fi
  if [ "$drill_days" -gt 0 ] && due drill "$drill_days"; then
    bash "$0" drill "$job" "$target" || bad=yes
  fi
  measure
  lost=$(shrunk "$found")
  [ -z "$lost" ] ||
    fail "the snapshot of $job is saved to $target, but $lost; see whether the data is still there. To restore the snapshot before it, name its id: homelab-backup snapshots $job"
  [ -z "$bad" ] || fail "the snapshot is saved, but $job did not pass its check or drill on $target"
}

# check TARGET: the repository is whole. Reads another part of its data each week, in turn.
check() {
  aim "$1"
  local parts part options=()
  parts=$(jq -r --arg job "$job" --arg target "$target" '.[$job].checkWeeks[$target] // 0' "$description")
  if [ "$parts" -gt 0 ]; then
    part=$(($(date +%s) / 604800 % parts + 1))
    options=(--read-data-subset "$part/$parts")
  fi
  restic_of "$target" check "${options[@]}" || fail "$target: the repository of $job is damaged"
  record checked "${part:+part $part of $parts}"
  done_until check 7
  echo "$target: the repository of $job is whole${part:+; part $part of $parts of its data was read}"
}

# listed: size and path of each file of the snapshot, one on a line.
listed() {
  ask ls "$snapshot" | jq -r '
    select(.type == "file" and (.path | contains("\n") | not)) | "\(.size // 0)\t\(.path)"'
}

# part DIRECTORY: restore the dumps and random files, up to the limit; each must have its size.
part() {
  local directory=$1 size path file sum=0 names=() sizes=() includes=()
  while IFS=$'\t' read -r size path; do
    [ ${#names[@]} -lt "$sample_files" ] || break
    [ $((sum + size)) -le "$drill_bytes" ] || continue
    sum=$((sum + size)) names+=("$path") sizes+=("$size")
    includes+=("$path")
  done < <(shuf "$list")
  mapfile -t -O ${#includes[@]} includes < <(of dumps)
  [ ${#includes[@]} -gt 0 ] || fail "no file of the snapshot of $taken is smaller than the limit of a drill"
  fetch "$directory" "${includes[@]}" >/dev/null
  for file in "${!names[@]}"; do
    [ "$(stat -c %s "$directory${names[file]}" 2>/dev/null)" = "${sizes[file]}" ] ||
      fail "${names[file]} was not restored as it is in the snapshot of $taken"
  done
  restored="${#names[@]} of $files files"
}

# loads DIRECTORY: the PostgreSQL dumps load into an empty cluster, which is removed.
loads() {
  local database tables options stamp=drill
  of postgresql | grep -q . || return 0
  command -v initdb >/dev/null || fail "there is no initdb here, so the dumps cannot be tried"
  cluster=$(mktemp -d "$scratch/homelab-drill.XXXXXX")
  leftover+=("$cluster") leftover_cluster=$cluster
  chown postgres "$cluster"
  options="-k '$cluster' -c listen_addresses='' -c fsync=off"
  options="$options -c shared_preload_libraries='$(sql <<<'SHOW shared_preload_libraries')'"
  pg initdb --no-sync -A trust -E UTF8 --locale=C -D "$cluster/data" >/dev/null
  pg pg_ctl -D "$cluster/data" -l "$cluster/log" -w -o "$options" start >/dev/null ||
    fail "an empty PostgreSQL does not start: $(tail -n 1 "$cluster/log")"
  pg pg_dumpall --roles-only --no-role-passwords | grep -v '^CREATE ROLE postgres;' |
    PGHOST=$cluster sql >/dev/null || fail "the roles of the databases cannot be copied"
  while IFS= read -r database; do
    PGHOST=$cluster load "$database" "$1$dumped/postgresql/$database.sql.gz" ||
      fail "the dump of $database in the snapshot of $taken cannot be loaded"
    tables=$(tables "$database" "$cluster")
    [ "$tables" -gt 0 ] || [ "$(tables "$database")" = 0 ] ||
      fail "the dump of $database in the snapshot of $taken has no table"
    opened="$opened; $database has $tables tables"
  done < <(of postgresql)
}

# tables DATABASE [SOCKET]: how many it has.
tables() {
  PGHOST=${2:-${PGHOST:-}} sql "$1" <<<"SELECT count(*) FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
}

# pg PROGRAM…: a program of PostgreSQL, as its user.
pg() {
  (cd / && runuser -u postgres -- "$@")
}

pg_stop() {
  pg pg_ctl -D "$1/data" -m immediate stop >/dev/null 2>&1 || true
}

# drill TARGET: restore the newest snapshot into an empty directory, open every dump, and count the
# files. Of a large snapshot, restore a random part.
drill() {
  aim "$1"
  choose latest
  local path size opened files restored list lost
  place=$records/.drill-$job-$target
  rm -rf "$place"
  mkdir -p "$place"
  leftover+=("$place")
  list=$place/.list
  listed >"$list"
  files=$(wc -l <"$list") size=$(awk -F '\t' '{ sum += $1 } END { printf "%.0f", sum }' "$list")
  opened="$(of dumps | wc -l) dumps that open"
  lost=$(absent "$(ask snapshots "$snapshot")" | paste -sd ' ')
  [ -z "$lost" ] || fail "the snapshot of $taken does not have $lost"
  app_dumps
  if [ "$size" -gt "$drill_bytes" ]; then
    part "$place/files"
  else
    mkdir "$place/files"
    room "$place/files"
    fetch "$place/files" >/dev/null
    restored=$(find "$place/files" -type f ! -path $'*\n*' | wc -l)
    [ "$restored" = "$files" ] || fail "$restored of $files files of the snapshot of $taken were restored"
    restored="$files files, $((size / 1000000)) MB"
    while IFS= read -r path; do
      there "$place/files$path" || fail "the snapshot of $taken does not have $path"
    done < <(of paths)
  fi
  mapfile -t dumps < <(of dumps)
  sound "$place/files" "${dumps[@]}"
  filled "$place/files"
  contained_tried "$place/files"
  loads "$place/files"
  mysql_loads "$place/files"
  record drilled "$restored, $opened"
  done_until drill "$((drill_days > 0 ? drill_days : 30))"
  echo "$job can be restored from $target: the snapshot of $taken has $restored, and $opened"
}

# --- age ------------------------------------------------------------------------------------------

# each FUNCTION: call it for each job and target of this host.
each() {
  local what=$1
  while IFS=$'\t' read -r job target; do
    "$what"
  done < <(jq -r 'to_entries[] | .key as $job | .value.targets[] | [$job, .] | @tsv' "$description")
}

# max_age: days after which a backup to the target is too old.
max_age() {
  jq -r --arg job "$job" --arg target "$target" --arg usual "$max_age" \
    '.[$job].maxAgeDays[$target]? // $usual' "$description"
}

# too_old: a line if the last good backup is too old. A job without one counts from the first question.
too_old() {
  local last
  last=$(at saved)
  if [ -z "$last" ]; then
    mkdir -p "$proofs/$job/$target"
    [ -e "$proofs/$job/$target/since" ] || date +%s >"$proofs/$job/$target/since"
    [ $(($(date +%s) - $(<"$proofs/$job/$target/since"))) -le $(($(max_age) * 86400)) ] ||
      echo "$job was never backed up to $target"
  elif [ $(($(date +%s) - last)) -gt $(($(max_age) * 86400)) ]; then
    echo "$job was last backed up to $target on $(date -d "@$last" +%F)"
  fi
}

# fresh: fail if a backup is too old, and say which.
fresh() {
  local old
  old=$(each too_old)
  measure
  [ -z "$old" ] || fail "too old:"$'\n'"$old"
}

# status: one line about all jobs.
status() {
  local old
  old=$(each too_old | paste -sd ';' | sed 's/;/; /g')
  echo "${old:+late $old}"
}

# gauge: the times of one job in the format of Prometheus.
gauge() {
  local what last
  for what in saved checked drilled; do
    last=$(at "$what")
    [ -z "$last" ] ||
      echo "homelab_backup_${what}_timestamp_seconds{job=\"$job\",target=\"$target\"} $last"
  done
}

# measure: for the textfile collector of the node exporter.
measure() {
  [ -n "$metrics" ] || return 0
  mkdir -p "$metrics"
  chmod 0755 "$metrics"
  (each gauge) | sort >"$metrics/homelab-backup.prom.$$"
  chmod 0644 "$metrics/homelab-backup.prom.$$"
  mv "$metrics/homelab-backup.prom.$$" "$metrics/homelab-backup.prom"
}
