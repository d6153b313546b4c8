# shellcheck shell=bash
# Fail, and tell why, while a file system of this machine is fuller than a limit.
# Argument: the limit in percent, of the bytes and of the files.

limit=$1 found='' seen=' '

say() { printf 'homelab: %s\n' "$1" >&2; }

above() { case $1 in [0-9]*%) [ "${1%\%}" -gt "$limit" ] ;; *) false ;; esac }

# The mount point of the Nix store. Without /nix as a file system of its own this is /.
store=$(df --output=target /nix/store | tail -n 1)

# Images that are full by design, and file systems in memory, are left out.
table=$(
  df -l -h --output=source,fstype,size,avail,pcent,ipcent,target -x tmpfs -x devtmpfs -x ramfs \
    -x overlay -x squashfs -x erofs -x iso9660 -x efivarfs || true
)
while read -r source kind size free bytes files mount; do
  # A snapshot has no free space, and the subvolumes of btrfs share theirs.
  case $source in *@*) [ "$kind" != zfs ] || continue ;; esac
  if [ "$kind" = btrfs ]; then
    case $seen in *" $source "*) continue ;; esac
    seen="$seen$source "
  fi
  what=''
  if above "$bytes"; then
    what="$mount is $bytes full: $free of $size are free"
  elif above "$files"; then
    what="$mount holds $files of the files that it can: delete small files"
  fi
  [ -n "$what" ] || continue
  found=yes
  case $mount in
    /boot | /boot/* | /efi) what="$what; lower boot.limit, and run pulumi up" ;;
    "$store") what="$what; free some: nix-collect-garbage --delete-older-than 14d" ;;
  esac
  say "$what"
done < <(tail -n +2 <<<"$table")
[ -z "$found" ]
