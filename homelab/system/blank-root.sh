# shellcheck shell=sh
# Gives the host a new root, a snapshot of a subvolume that is blank. Runs in the initrd, before the
# root is mounted, under bash or busybox. A root that cannot be replaced stays as it is, and the host
# starts with it: the unit homelab-old-roots then fails.

top=${HOMELAB_TOP:-/homelab-top}
told=${HOMELAB_RUN:-/run}/homelab-root

# blank_root DEVICE SUBVOLUME BLANK. Never fails.
blank_root() {
  mkdir -p "$top" "$told"
  if command -v waitDevice >/dev/null; then waitDevice "$1" || true; fi
  if mount -t btrfs -o subvolid=5 "$1" "$top"; then
    if replace_root "$top/$2" "$top/$3" "$top/$2-old"; then why=blank; fi
    umount "$top" || true
  else
    why="$1 cannot be mounted"
  fi
  echo "homelab: root: $why" >&2
  echo "$why" >"$told/state" || true
}

# replace_root ROOT BLANK OLD: moves the root to a name of its own in OLD, and makes a new one. At any
# time there is a root, or a blank snapshot from which the next start makes one.
replace_root() {
  if ! is_subvolume "$2"; then
    why="there is no subvolume ${2#"$top"/}"
    return 1
  fi
  if [ -e "$1" ] && ! is_subvolume "$1"; then
    why="${1#"$top"/} is no subvolume"
    return 1
  fi
  # After a power cut it may be in OLD alone.
  if [ ! -e "$1" ] && [ ! -d "$3" ]; then
    why="there is no subvolume ${1#"$top"/}"
    return 1
  fi
  moved=
  if [ -e "$1" ]; then
    moved=$3/$(date +%Y-%m-%d_%H-%M-%S)
    # The clock may stand at the same time at each start.
    while [ -e "$moved" ]; do moved=$moved+; done
    if ! mkdir -p "$3" || ! mv "$1" "$moved"; then
      why="${1#"$top"/} cannot be moved to ${moved#"$top"/}"
      return 1
    fi
  fi
  if ! btrfs subvolume snapshot "$2" "$1"; then
    [ -z "$moved" ] || mv "$moved" "$1"
    why="no snapshot of ${2#"$top"/} can be made"
    return 1
  fi
  [ -z "$moved" ] || echo "${moved##*/}" >"$told/old" || true
}

# is_subvolume PATH: btrfs numbers the directory of each subvolume 256, and no other.
is_subvolume() { [ -d "$1" ] && [ "$(stat -c %i "$1")" = 256 ]; }
