# shellcheck shell=bash
# homelab-backup: list the snapshots of a backup job, restore one of them, and prove that they can be
# restored. Runs as root. These files are joined to one program; main.sh has its commands.

set -euo pipefail
umask 077

description=${HOMELAB_BACKUP_JOBS:-/etc/homelab/backup.json}
records=${HOMELAB_RESTORES:-/var/lib/homelab/restores}
dumped=${HOMELAB_DUMPS:-/var/backup}
settle=${HOMELAB_SETTLE_SECONDS:-10}
fstab=${HOMELAB_FSTAB:-/etc/fstab}
# As long as a deployment waits for its probes.
probe_seconds=${HOMELAB_PROBE_SECONDS:-240}
export RESTIC_PROGRESS_FPS=0.1

fail() {
  echo "homelab-backup: $*" >&2
  exit 1
}

# What the end of the program removes. A trap at the exit of a function sees the local variables of that
# function: no other variable has one of these names.
leftover=() leftover_cluster='' leftover_container='' leftover_server=''
at_end() {
  [ -z "$leftover_container" ] || podman rm --force --time 0 "$leftover_container" >/dev/null 2>&1 || true
  [ -z "$leftover_cluster" ] || pg_stop "$leftover_cluster"
  [ -z "$leftover_server" ] || mysql_stop
  rm -rf -- "${leftover[@]}"
}

# of KEY: the values of one list of the job.
of() {
  if [ -n "${given:-}" ] && [ -e "$given/$1" ]; then
    cat "$given/$1"
    return
  fi
  jq -r --arg job "$job" --arg key "$1" '.[$job][$key][]?' "$description"
}

restic_of() {
  local target=$1
  shift
  "restic-$job-$target" "$@"
}

# ask WORD…: what restic says of the repository, without a lock.
ask() {
  restic_of "$target" "$@" --json --no-lock 2>"$errors" ||
    fail "$target does not answer: $(tail -n 1 "$errors")"
}

# begin JOB: the job exists on this host.
begin() {
  job=$1
  [ -r "$description" ] || fail "$description does not exist: this host has no backup job"
  jq -e --arg job "$job" 'has($job)' "$description" >/dev/null ||
    fail "this host has no backup job $job; it has: $(jq -r 'keys | join(", ")' "$description")"
}

# aim TARGET: the job backs up to this target.
aim() {
  target=$1
  of targets | grep -qxF -- "$target" ||
    fail "$job is not backed up to $target; its targets: $(of targets | paste -sd, -)"
}

# One line for each snapshot: target, id, time, host, number of paths; the newest first.
snapshots() {
  local target found whole=0
  while IFS= read -r target; do
    if found=$(restic_of "$target" snapshots --json --no-lock 2>"$errors"); then
      jq -r --arg target "$target" \
        'reverse[] | [$target, .short_id, .time, .hostname, (.paths | length)] | @tsv' <<<"$found"
    else
      whole=1
      echo "homelab-backup: $target does not answer: $(tail -n 1 "$errors")" >&2
    fi
  done < <(of targets)
  return "$whole"
}

# choose SNAPSHOT: its full id and time.
choose() {
  local wanted=$1 found id time limit
  found=$(ask snapshots)
  snapshot='' taken=''
  if [[ $wanted =~ ^[0-9a-f]{8,64}$ ]]; then
    read -r snapshot taken < <(jq -r --arg id "$wanted" \
      '.[] | select(.id | startswith($id)) | "\(.id) \(.time)"' <<<"$found") || true
  else
    limit=9999999999
    # date(1) takes an empty text for the last midnight.
    [ "$wanted" = latest ] || { [ -n "${wanted// /}" ] && limit=$(date -d "$wanted" +%s); } ||
      fail "\"$wanted\" is neither a snapshot, nor latest, nor a time such as 2026-03-01 12:00"
    # restic lists the oldest first.
    while read -r id time; do
      [ "$(date -d "$time" +%s)" -gt "$limit" ] || snapshot=$id taken=$time
    done < <(jq -r '.[] | "\(.id) \(.time)"' <<<"$found")
  fi
  [ -n "$snapshot" ] ||
    fail "$target has no snapshot of $job for $wanted; see: homelab-backup snapshots $job"
}

# room DIRECTORY: its file system has space for the snapshot.
room() {
  local size free
  size=$(ask stats --mode restore-size "$snapshot" | jq -r .total_size)
  free=$(df --output=avail --block-size=1 "$1" | tail -n 1)
  [ "$free" -gt "$size" ] ||
    fail "$1 has $((free / 1048576)) MiB free, and the snapshot has $((size / 1048576)) MiB"
}

# escaped PATH: as a pattern of restic that only this path matches.
escaped() {
  printf %s "$1" | sed 's/[][*?\\]/\\&/g'
}

# fetch DIRECTORY [PATH...]: put the snapshot, or these paths of it, below the directory.
fetch() {
  local directory=$1 path includes=()
  shift
  for path in "$@"; do includes+=(--include "$(escaped "$path")"); done
  restic_of "$target" restore "$snapshot" --no-lock --target "$directory" "${includes[@]}" ||
    fail "the snapshot could not be read from $target"
}

# sound DIRECTORY DUMP…: these dumps below it can be opened.
sound() {
  local directory=$1 file
  shift
  for file in "$@"; do
    case $file in
      "$dumped"/sqlite/*)
        [ "$(sqlite3 -readonly "file:$directory$file?immutable=1" 'PRAGMA integrity_check')" = ok ] ||
          fail "$file of this snapshot is a damaged database; choose another snapshot"
        ;;
      *.gz)
        gzip -t "$directory$file" || fail "$file of this snapshot is damaged; choose another snapshot"
        ;;
      *.tar)
        tar -tf "$directory$file" >/dev/null ||
          fail "$file of this snapshot is a damaged archive; choose another snapshot"
        ;;
      *postgresql-*.sql)
        # pg_dump writes this line last.
        tail -c 512 "$directory$file" | grep -q '^-- PostgreSQL database dump complete' ||
          fail "$file of this snapshot is cut off; choose another snapshot"
        ;;
      *mysql-*.sql)
        # mysqldump writes this line last.
        tail -c 512 "$directory$file" | grep -q '^-- Dump completed' ||
          fail "$file of this snapshot is cut off; choose another snapshot"
        ;;
      *)
        [ -s "$directory$file" ] || fail "$file of this snapshot is empty; choose another snapshot"
        ;;
    esac
  done
}

# sql [DATABASE]: run the SQL of the input as the superuser.
sql() {
  runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 -d "${1:-postgres}"
}
