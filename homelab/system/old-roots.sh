# shellcheck shell=bash
# Removes the roots of earlier starts, and fails if this start did not get a blank one. It removes
# only what the initrd has put aside, and nothing that is mounted.

run=${HOMELAB_RUN:-/run}
root=${HOMELAB_ROOT:-/}
told=$run/homelab-root # written in the initrd

# old_roots DEVICE SUBVOLUME DAYS
old_roots() {
  local one at newest='' failed='' top=$RUNTIME_DIRECTORY
  if [ ! -e "$run/booted-system/etc/homelab/blank-root" ]; then
    echo "the system that was started keeps its root; the next restart makes a blank one"
    return 0
  fi
  mount -t btrfs -o subvolid=5 "$1" "$top"
  # The clock of the initrd may be wrong, so the age of a root counts from here.
  if [ -f "$told/old" ]; then
    touch "$top/$2-old/$(cat "$told/old")"
    rm "$told/old"
  fi
  for one in "$top/$2-old"/*; do
    if is_old_root "$one" && { [ -z "$newest" ] || [ "$one" -nt "$newest" ]; }; then newest=$one; fi
  done
  for one in "$top/$2-old"/*; do
    is_old_root "$one" || continue
    # The newest one stays, however long the host was off.
    if [ "$3" -gt 0 ] && [ "$one" = "$newest" ]; then continue; fi
    if [ $((($(date +%s) - $(stat -c %Y "$one")) / 86400)) -ge "$3" ]; then
      at=$(mounted "${one#"$top"}" "$top")
      if [ -n "$at" ]; then
        echo "kept ${one#"$top"/}: a subvolume in it is mounted at $at; move that to the top of the file system" >&2
        failed=yes
      else
        remove "$one" "$top"
        echo "removed ${one#"$top"/}"
      fi
    fi
  done
  at=$(root_of "$root")
  umount "$top"
  if [ "$(cat "$told/state" 2>/dev/null)" != blank ]; then
    echo "the root is that of the last start: $(cat "$told/state" 2>/dev/null || echo "the initrd did not replace it")" >&2
    return 1
  fi
  if [ -n "$at" ] && [ "$at" != "/$2" ]; then
    echo "the root is the subvolume ${at#/}, and the blank one is $2" >&2
    return 1
  fi
  [ -z "$failed" ]
}

# mounted PATH TOP: where the subvolume at this path of the file system, or something in it, is
# mounted. TOP is where its top is. Mounts of one file system have one number.
mounted() {
  local number root at ours=''
  while read -r _ _ number _ at _; do
    [ "$at" != "$2" ] || ours=$number
  done </proc/self/mountinfo
  while read -r _ _ number root at _; do
    case $root/ in
    "$1"/*) [ "$number" != "$ours" ] || echo "$at" ;;
    esac
  done </proc/self/mountinfo
}

# root_of MOUNTPOINT: the path in its file system that is mounted there; nothing if nothing is.
root_of() {
  local root at found=''
  while read -r _ _ _ root at _; do
    [ "$at" != "$1" ] || found=$root
  done </proc/self/mountinfo
  echo "$found"
}

# is_old_root PATH: the name is one that the initrd gives.
is_old_root() {
  [[ ${1##*/} =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}\+*$ ]] && is_subvolume "$1"
}

# remove SUBVOLUME TOP: with the subvolumes in it.
remove() {
  local line
  btrfs property set -t subvol "$1" ro false
  while read -r line; do
    if [ -n "$line" ]; then remove "$2/${line#* path }" "$2"; fi
  done <<<"$(btrfs subvolume list -o "$1")"
  btrfs subvolume delete "$1" >/dev/null
}

# is_subvolume PATH: btrfs numbers the directory of each subvolume 256, and no other.
is_subvolume() { [ ! -L "$1" ] && [ -d "$1" ] && [ "$(stat -c %i "$1")" = 256 ]; }
