# shellcheck shell=bash
# homelab-replica: receive the snapshots of another host's datasets, and find replicas that are too
# old. Runs as root. The other host's account reaches only `receive`, which runs no command that it
# does not know word by word.

set -euo pipefail
umask 077

description=${HOMELAB_REPLICAS:-/etc/homelab/replicas.json}
state=${HOMELAB_REPLICA_STATE:-/var/lib/homelab/replicas}
metrics=${HOMELAB_REPLICA_METRICS:-}
# The end of a snapshot's name, as btrbk writes it: date, time and time zone.
stamp='[0-9]{8}T[0-9]{6}[+-][0-9]{4}(_[0-9]+)?'

fail() {
  echo "homelab-replica: $*" >&2
  exit 1
}

# begin NAME: the replica exists on this host.
begin() {
  name=$1
  jq -e --arg name "$name" 'has($name)' "$description" >/dev/null 2>&1 ||
    fail "this host has no replica $name"
  path=$(of path) from=$(of from) max_age=$(of maxAgeHours) protected=$(of protectedDays)
}

# of KEY
of() {
  jq -r --arg name "$name" --arg key "$1" '.[$name][$key]' "$description"
}

# --- the receiving directory ----------------------------------------------------------------------

# prepare: the directory exists, on the right file system.
prepare() {
  local real
  mkdir --parents "$path"
  real=$(readlink --canonicalize-existing "$path")
  [ "$real" = "$path" ] || fail "$path is a link: write its real place, replicate.path: $real"
  [ "$(stat --file-system --format %T "$path")" = btrfs ] || {
    rmdir "$path" 2>/dev/null || true
    fail "$path is not on btrfs: mount its disk, or correct replicate.path"
  }
}

# --- what the sender may do -----------------------------------------------------------------------

refuse() {
  echo "homelab-replica: $name refuses: $(printf %q "$1")" >&2
  exit 255
}

# receive COMMAND: run what btrbk asks for, and refuse everything else.
receive() {
  local mount wanted action
  mount=$(findmnt --noheadings --output TARGET --target "$path")
  case $1 in
    "cat /proc/self/mountinfo") cat /proc/self/mountinfo ;;
    "readlink -v -e '$path'")
      # The first thing that btrbk asks: it reads what is here after this.
      (lock && sweep) 2>/dev/null || true
      readlink -v -e "$path"
      ;;
    "btrfs subvolume list -a -c -u -q -R '$mount'") btrfs subvolume list -a -c -u -q -R "$mount" ;;
    "btrfs subvolume list -a -r '$mount'") btrfs subvolume list -a -r "$mount" ;;
    "btrfs subvolume show --rootid=5 '$mount'") btrfs subvolume show --rootid=5 "$mount" ;;
    "btrfs receive '$path/'") take ;;
    *)
      [[ $1 =~ ^btrfs\ subvolume\ (show|delete)\ \'([^\']+)\'$ ]] || refuse "$1"
      action=${BASH_REMATCH[1]} wanted=${BASH_REMATCH[2]}
      [[ ${wanted%/*} = "$path" && ${wanted##*/} =~ ^"$name".$stamp$ ]] || refuse "$1"
      if [ "$action" = show ]; then btrfs subvolume show "$wanted"; else drop "$wanted"; fi
      ;;
  esac
}

# lock: one stream at a time.
lock() {
  mkdir --parents "$state"
  exec 8>"$state/$name.lock"
  flock --nonblock 8 || fail "another stream for $name is being received"
}

# sweep: remove what a broken connection left.
sweep() {
  local entry
  for entry in "$path/$name".*; do
    if [[ ${entry##*/} =~ ^"$name".$stamp$ ]] && ! whole "$entry"; then
      btrfs subvolume delete "$entry" >&2
    fi
  done
}

# take: receive a stream, confined to the directory, whatever the stream says.
take() {
  lock
  sweep
  exec btrfs receive -C "$path"
}

# drop SNAPSHOT: delete what the retention no longer keeps. The newest snapshot stays, and so does
# each one for some days, so that somebody who has the sender cannot empty the replica.
drop() {
  local age
  # A stream that broke is swept away.
  [ -e "$1" ] || return 0
  if whole "$1"; then
    [ "$1" != "$(newest path)" ] || fail "${1##*/} is the newest snapshot, and stays"
    age=$((($(date +%s) - $(made "$1")) / 86400))
    if [ "$age" -lt "$protected" ]; then
      # Not an error: btrbk asks again with its next run.
      echo "homelab-replica: ${1##*/} came $age days ago and stays for $protected" >&2
      return
    fi
  fi
  btrfs subvolume delete "$1"
}

# --- age ------------------------------------------------------------------------------------------

# field SNAPSHOT LABEL: what btrfs says of it.
field() {
  btrfs subvolume show "$1" | sed -n "s/^[[:space:]]*$2:[[:space:]]*//p"
}

# whole SNAPSHOT: it was received to its end.
whole() {
  local id
  id=$(field "$1" "Received UUID" 2>/dev/null)
  [ -n "$id" ] && [ "$id" != - ]
}

# made SNAPSHOT: when it came here.
made() {
  date --date "$(field "$1" "Creation time")" +%s
}

# taken SNAPSHOT: when the sender made it, by its name, and never later than it came.
taken() {
  local text=${1##*.} at came
  at=$(date --date "${text:0:4}-${text:4:2}-${text:6:2} ${text:9:2}:${text:11:2}:${text:13:2} ${text:15:5}" +%s)
  came=$(made "$1")
  echo $((at < came ? at : came))
}

# newest path|time: of the newest snapshot that is whole; empty without one.
newest() {
  local entry time best='' last=0
  for entry in "$path/$name".*; do
    [[ ${entry##*/} =~ ^"$name".$stamp$ ]] || continue
    whole "$entry" || continue
    time=$(taken "$entry")
    if [ "$time" -ge "$last" ]; then last=$time best=$entry; fi
  done
  [ -z "$best" ] || if [ "$1" = path ]; then echo "$best"; else echo "$last"; fi
}

# too_old: a line if the replica is older than it may be. One without a snapshot counts from the
# first question.
too_old() {
  local last
  last=$(newest time)
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

# fresh: fail if a replica is too old, and say which.
fresh() {
  local old
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
  last=$(newest time)
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

  prepare NAME           make the directory of a replica
  receive NAME COMMAND   what the host that sends it may do
  fresh                  fail if a replica is too old
  status                 print which replicas are too old'

main() {
  case "${1:-} $#" in
    "prepare 2") begin "$2" && prepare ;;
    "receive 3") begin "$2" && receive "$3" ;;
    "fresh 1" | "status 1") "$1" ;;
    *) fail "$usage" ;;
  esac
}

main "$@"
