# shellcheck shell=bash disable=SC2154
# homelab-replica on btrfs: what btrbk of the other host may do, as root, and the age of what came.

# The end of a snapshot's name, as btrbk writes it: date, time and time zone.
stamp='[0-9]{8}T[0-9]{6}[+-][0-9]{4}(_[0-9]+)?'

# settle_btrfs: btrbk of the sender asks for what its retention deletes.
settle_btrfs() { :; }

# prepare_btrfs: the directory exists, on the right file system.
prepare_btrfs() {
  local real
  # A reader of another user passes the directories above it.
  (umask 022 && mkdir --parents "${path%/*}")
  mkdir --parents "$path"
  real=$(readlink --canonicalize-existing "$path")
  [ "$real" = "$path" ] || fail "$path is a link: write its real place, replicate.path: $real"
  [ "$(stat --file-system --format %T "$path")" = btrfs ] || {
    rmdir "$path" 2>/dev/null || true
    fail "$path is not on btrfs: mount its disk, or correct replicate.path"
  }
  if [ "$(of readers)" != null ]; then
    chgrp "$(of readers)" "$path"
    chmod 0750 "$path"
    point
  elif [ -L "$path/current" ]; then
    # Nothing reads it any more.
    rm "$path/current"
    chmod 0700 "$path"
  fi
}

# point: services read the newest snapshot by one name. The name changes in one step.
point() {
  local newest
  [ "$(of readers)" != null ] || return 0
  newest=$(newest_btrfs path)
  [ -n "$newest" ] && [ "$(readlink "$path/current")" != "${newest##*/}" ] || return 0
  ln --symbolic --force --no-dereference "${newest##*/}" "$path/.current"
  mv --no-target-directory "$path/.current" "$path/current"
}

# receive_btrfs COMMAND: run what btrbk asks for, and refuse everything else.
receive_btrfs() {
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
  btrfs receive -C "$path"
  point
}

# drop SNAPSHOT: delete what the retention no longer keeps. The newest snapshot stays, and so does
# each one for some days, so that somebody who has the sender cannot empty the replica.
drop() {
  local age
  # A stream that broke is swept away.
  [ -e "$1" ] || return 0
  if whole "$1"; then
    [ "$1" != "$(newest_btrfs path)" ] || fail "${1##*/} is the newest snapshot, and stays"
    age=$((($(date +%s) - $(made "$1")) / 86400))
    if [ "$age" -lt "$protected" ]; then
      # Not an error: btrbk asks again with its next run.
      echo "homelab-replica: ${1##*/} came $age days ago and stays for $protected" >&2
      return
    fi
  fi
  btrfs subvolume delete "$1"
}

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

# newest_btrfs path|time: of the newest snapshot that is whole; empty without one.
newest_btrfs() {
  local entry time best='' last=0
  for entry in "$path/$name".*; do
    [[ ${entry##*/} =~ ^"$name".$stamp$ ]] || continue
    whole "$entry" || continue
    time=$(taken "$entry")
    if [ "$time" -ge "$last" ]; then last=$time best=$entry; fi
  done
  [ -z "$best" ] || if [ "$1" = path ]; then echo "$best"; else echo "$last"; fi
}
