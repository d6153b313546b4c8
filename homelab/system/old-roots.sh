# shellcheck shell=bash
# Removes the roots of earlier starts, and fails if this start did not get a blank one.

run=${HOMELAB_RUN:-/run}
told=$run/homelab-root # written in the initrd

# old_roots DEVICE SUBVOLUME DAYS
old_roots() {
  local one newest='' top=$RUNTIME_DIRECTORY
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
    if is_subvolume "$one" && { [ -z "$newest" ] || [ "$one" -nt "$newest" ]; }; then newest=$one; fi
  done
  for one in "$top/$2-old"/*; do
    is_subvolume "$one" || continue
    # The newest one stays, however long the host was off.
    if [ "$3" -gt 0 ] && [ "$one" = "$newest" ]; then continue; fi
    if [ $((($(date +%s) - $(stat -c %Y "$one")) / 86400)) -ge "$3" ]; then
      remove "$one" "$top"
      echo "removed ${one#"$top"/}"
    fi
  done
  umount "$top"
  if [ "$(cat "$told/state" 2>/dev/null)" != blank ]; then
    echo "the root is that of the last start: $(cat "$told/state" 2>/dev/null || echo "the initrd did not replace it")" >&2
    return 1
  fi
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
