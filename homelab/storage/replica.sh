# shellcheck shell=bash disable=SC2034
# homelab-replica: receive the snapshots of another host's datasets, and find replicas that are too
# old. The other host's account reaches only `receive`, which runs no command that it does not know
# word by word. These files are joined to one program; this one has its commands.

set -euo pipefail
umask 077

description=${HOMELAB_REPLICAS:-/etc/homelab/replicas.json}
state=${HOMELAB_REPLICA_STATE:-/var/lib/homelab/replicas}
metrics=${HOMELAB_REPLICA_METRICS:-}

fail() {
  echo "homelab-replica: $*" >&2
  exit 1
}

# begin NAME: the replica exists on this host.
begin() {
  name=$1
  jq -e --arg name "$name" 'has($name)' "$description" >/dev/null 2>&1 ||
    fail "this host has no replica $name"
  fs=$(of fs) path=$(of path) from=$(of from) max_age=$(of maxAgeHours) protected=$(of protectedDays)
}

# of KEY
of() {
  jq -r --arg name "$name" --arg key "$1" '.[$name][$key]' "$description"
}

refuse() {
  echo "homelab-replica: $name refuses: $(printf %q "$1")" >&2
  exit 255
}

# prepare: what receives the replica exists. Its place is noted beside its former ones, for
# `homelab orphans`.
prepare() {
  local place
  "prepare_$fs"
  mkdir --parents "$state"
  while IFS= read -r place; do
    [ "$place" != "$fs"$'\t'"$path" ] || return 0
  done < <(cat "$state/$name.place" 2>/dev/null)
  printf '%s\t%s\n' "$fs" "$path" >>"$state/$name.place"
}

# too_old: a line if the replica is older than it may be. One without a snapshot counts from the
# first question.
too_old() {
  local last
  last=$("newest_$fs" time)
  if [ -z "$last" ]; then
    mkdir --parents "$state"
    [ -e "$state/$name.since" ] || date +%s >"$state/$name.since"
    [ $(($(date +%s) - $(<"$state/$name.since"))) -le $((max_age * 3600)) ] ||
      echo "$name of $from was never received"
  elif [ $(($(date +%s) - last)) -gt $((max_age * 3600)) ]; then
    echo "$name of $from is of $(date --date "@$last" '+%F %H:%M')"
  fi
}

# each FUNCTION: call it for each replica of this host.
each() {
  local one
  while IFS= read -r one; do
    begin "$one"
    "$1"
  done < <(jq -r 'keys[]' "$description")
}

settle() { "settle_$fs"; }

# fresh: fail if a replica is too old, and say which.
fresh() {
  local old
  # What cannot be put in order is in the journal, and is found below if it matters.
  each settle || true
  old=$(each too_old)
  measure
  [ -z "$old" ] || fail "too old:"$'\n'"$old"
}

# status: one line about all replicas.
status() {
  local old
  old=$(each too_old | paste -sd ';' | sed 's/;/; /g')
  echo "${old:+late $old}"
}

gauge() {
  local last
  last=$("newest_$fs" time)
  [ -z "$last" ] ||
    echo "homelab_replica_timestamp_seconds{dataset=\"$name\",from=\"$from\"} $last"
}

# measure: for the textfile collector of the node exporter.
measure() {
  [ -n "$metrics" ] || return 0
  mkdir --parents "$metrics"
  chmod 0755 "$metrics"
  (each gauge) >"$metrics/homelab-replica.prom.$$"
  chmod 0644 "$metrics/homelab-replica.prom.$$"
  mv "$metrics/homelab-replica.prom.$$" "$metrics/homelab-replica.prom"
}

usage='usage: homelab-replica COMMAND

  prepare NAME           make ready what receives a replica
  receive NAME COMMAND   what the host that sends it may do
  fresh                  fail if a replica is too old
  status                 print which replicas are too old'

main() {
  case "${1:-} $#" in
    "prepare 2") begin "$2" && prepare ;;
    "receive 3") begin "$2" && "receive_$fs" "$3" ;;
    "fresh 1" | "status 1") "$1" ;;
    *) fail "$usage" ;;
  esac
}

main "$@"
