# shellcheck shell=bash
# Prepare a dataset for its snapshots and its quota. Sourced by the unit of the dataset; running it
# again changes nothing.

# zfs of the booted system: it fits the kernel's module.
zfs=${HOMELAB_ZFS:-/run/booted-system/sw/bin/zfs}
# Quotas that this host has set, so that one that left the stack is lifted.
quotas=${HOMELAB_QUOTAS:-/var/lib/homelab/datasets}

fail() {
  echo "$*" >&2
  exit 1
}

# on_btrfs PATH
on_btrfs() {
  [ "$(stat --file-system --format %T "$1")" = btrfs ] ||
    fail "$1 is not on btrfs: correct fs of the dataset in the stack, or mount its disk"
}

# subvolume PATH: btrfs snapshots and limits whole subvolumes; the root of each has inode 256.
subvolume() {
  on_btrfs "$1"
  [ "$(stat --format %i "$1")" = 256 ] ||
    fail "$1 is a plain directory of btrfs, and only a subvolume can have snapshots and a quota." \
      "Stop what uses it, then: mv '$1' '$1.old' && btrfs subvolume create '$1' &&" \
      "cp --archive --reflink=always '$1.old/.' '$1/' && chown --reference='$1.old' '$1' &&" \
      "chmod --reference='$1.old' '$1'; remove '$1.old' after a look"
}

# snapshots PATH DIRECTORY: a directory for the snapshots, on the same file system.
snapshots() {
  local here there
  install --directory --mode 0700 --owner root --group root "$2"
  here=$(findmnt --noheadings --output UUID --target "$1")
  there=$(findmnt --noheadings --output UUID --target "$2")
  [ "$here" = "$there" ] ||
    fail "$2 is on another file system than $1: write the mount point of its disk, mount: $1"
}

# limit_btrfs NAME PATH BYTES: BYTES is 0 for no quota.
limit_btrfs() {
  if [ "$3" = 0 ]; then
    [ ! -e "$quotas/$1" ] || btrfs qgroup limit none "$2"
    rm -f "$quotas/$1"
  else
    btrfs qgroup show "$2" >/dev/null 2>&1 || btrfs quota enable "$2"
    btrfs qgroup limit "$3" "$2"
    echo "$3" >"$quotas/$1"
  fi
}

# dataset_of PATH NAME: the ZFS dataset is mounted there.
dataset_of() {
  local source
  source=$(findmnt --noheadings --output SOURCE --target "$1")
  [ "$source" = "$2" ] ||
    fail "$source is mounted at $1, not $2: correct zfs of the dataset in the stack, or mount $2"
}

# limit_zfs NAME DATASET BYTES: without the space of its snapshots; BYTES is 0 for no quota.
limit_zfs() {
  if [ "$3" = 0 ]; then
    [ ! -e "$quotas/$1" ] || "$zfs" set refquota=none "$2"
    rm -f "$quotas/$1"
  else
    [ "$("$zfs" get -Hp -o value refquota "$2")" = "$3" ] || "$zfs" set "refquota=$3" "$2"
    echo "$3" >"$quotas/$1"
  fi
}
