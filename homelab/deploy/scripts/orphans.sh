# shellcheck shell=bash
# List what services may have left, one «kind name» on a line, separated by a tab. The arguments are
# `store:DIRECTORY`, a backup target of this host, `dataset:DIRECTORY`, `snapshots:DIRECTORY`, which
# has btrfs snapshots, and former places: `former:DIRECTORY` of a target, `left:DIRECTORY` of others.
# Changes nothing.

# entry KIND PATH
entry() {
  [ -e "$2" ] && [ ! -L "$2" ] || return 0
  case $2 in *[[:cntrl:]]*) return 0 ;; esac
  printf '%s\t%s\n' "$1" "${2#"$root"}"
}

entries() {
  local kind=$1 path
  shift
  for path in "$@"; do entry "$kind" "$path"; done
}

# databases KIND COMMAND…: one on a line; nothing where the server does not run.
databases() {
  local kind=$1 name
  shift
  while IFS= read -r name; do
    printf '%s\t%s\n' "$kind" "$name"
  done < <("$@" 2>/dev/null </dev/null || true)
}

# departed FILE KIND: what a service left that has moved away, each after the service and a blank.
departed() {
  local file line service
  for file in "$root"/var/lib/homelab/departures/*/"$1"; do
    service=${file%/*}
    [ "$(content "$service/phase")" = left ] || continue
    while IFS= read -r line; do
      [ "$2" = departed-database ] || [ -e "$root$line" ] || continue
      printf '%s\t%s %s\n' "$2" "${service##*/}" "$line"
    done <"$file"
  done
}

# beside: what restores have kept beside single files and directories.
beside() {
  local file path
  for file in "$root"/var/lib/homelab/restores/*/chosen; do
    while IFS= read -r path; do
      entries dataset "$root$path".*-* "$root${path%/}"/.homelab-*
    done <"${file%/*}/paths"
  done
}

# replicas: the name, the file system and each place of each one that the host has received and has.
replicas() {
  local file name fs place
  for file in "$root"/var/lib/homelab/replicas/*.place; do
    name=${file##*/}
    while IFS=$'\t' read -r fs place; do
      if [ "$fs" = btrfs ]; then
        [ -d "$root$place" ] || continue
      elif command -v zfs >/dev/null; then
        zfs list -H -o name "$place" >/dev/null 2>&1 </dev/null || continue
      fi
      printf 'replica\t%s %s %s\n' "${name%.place}" "$fs" "$place"
    done <"$file"
  done
}

# snapshotted: each ZFS dataset with snapshots of sanoid: its mount point, a tab, and its name.
snapshotted() {
  local dataset
  zfs list -H -t snapshot -o name | sed -n 's/@autosnap_.*//p' | sort -u |
    while IFS= read -r dataset; do
      printf '%s\t%s\n' "$(zfs get -H -o value mountpoint "$dataset" </dev/null)" "$dataset"
    done
}

# repositories DIRECTORY: those of restic, in a place that may have other files as well.
repositories() {
  local file
  for file in "$1"/*/*/config; do
    [ ! -d "${file%/config}/data" ] || entry repository "${file%/config}"
  done
}

# left DIRECTORY: a former place with something in it, and whether a file system is mounted there.
left() {
  local kind=left found=("$1"/*)
  [ -d "$1" ] && [ -n "${found[*]}" ] || return 0
  [ "$(stat -c %d "$1")" = "$(stat -c %d "$1/..")" ] || kind=left-mount
  entry "$kind" "$1"
}

main() {
  local word
  shopt -s nullglob dotglob
  entries state "$root"/var/lib/* "$root"/var/lib/private/*
  entries dump "$root"/var/backup/sqlite/* "$root"/var/backup/dumps/* "$root"/var/backup/postgresql/*.gz
  entries kept "$root"/var/lib/homelab/restores/*/kept "$root"/var/lib/homelab/restores/*/undone
  beside
  entries job "$root"/var/lib/homelab/backups/*/*
  replicas
  departed paths departed-path
  departed databases departed-database
  for word in "$@"; do
    case $word in
      snapshots:*) entries snapshot "$root${word#*:}"/*.*T* ;;
      store:*) entries repository "$root${word#*:}"/*/* ;;
      former:*) repositories "$root${word#*:}" ;;
      left:*) left "$root${word#*:}" ;;
      dataset:*) entries dataset "$root${word#*:}"/.homelab-* "$root${word#*:}".*-* ;;
    esac
  done
  if command -v zfs >/dev/null; then
    databases zfs-snapshots snapshotted
  fi
  if command -v psql >/dev/null; then
    databases postgresql runuser -u postgres -- psql -X -q -A -t -d postgres -c 'SELECT datname FROM pg_database'
  fi
  if command -v mysql >/dev/null; then
    databases mysql mysql --batch --skip-column-names --execute 'SHOW DATABASES'
  fi
}

main "$@" </dev/null
