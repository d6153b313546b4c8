# shellcheck shell=bash
# Checks of a built system on this host, before anything is activated. Reads only, and prints all
# findings at once. A blocking finding fails the build, so that no host changes; a note does not.

findings='' blocked='' noted='' notes='' # noted: the notes of the slow checks are known

block() {
  findings="$findings  stops: $1"$'\n'
  blocked=yes
}

warn() { findings="$findings  note: $1"$'\n'; }

mebibytes() { say "$(($1 / 1048576)) MiB"; }

# space DIRECTORY COLUMN: bytes of its file system; column 2 is the size, 4 is free.
space() { df -Pk "$1" | awk -v n="$2" 'NR == 2 { printf "%.0f\n", $n * 1024 }'; }

# Whether the boot loader's files fit. Counts the files of this system that are not there yet, so
# that a host that needs no space is never blocked.
check_boot() {
  local dir name size need=0 back free margin files
  dir=$(boot_directory)
  [ -d "$dir" ] && ! starts_from_store "$dir" || return 0
  files=$(boot_files "$1")
  while read -r name size; do
    [ -n "$name" ] || continue
    if [ ! -e "$dir/EFI/nixos/$name" ] && [ ! -e "$dir/nixos/$name" ] && [ ! -e "$dir/kernels/$name" ]; then
      need=$((need + size))
    fi
  done <<<"$files"
  [ "$need" -gt 0 ] || return 0
  back=$(freed "$dir" "$1") free=$(space "$dir" 4) margin=$(($(space "$dir" 2) / 20))
  # At least 16 MiB, and at most 64 MiB: /boot may be a directory of a large file system.
  [ "$margin" -ge 16777216 ] || margin=16777216
  [ "$margin" -le 67108864 ] || margin=67108864
  if [ $((need - back + margin)) -gt "$free" ]; then
    block "$dir: the new system's kernel and initrd need $(mebibytes "$need") and $(mebibytes "$margin") to spare; $(mebibytes "$free") are free, and removing old entries frees $(mebibytes "$back"). Lower boot.limit ($BOOT_LIMIT now), remove old generations (nix-env -p $profile --delete-generations old, then switch), or enlarge it"
  fi
}

check_disk() {
  local free size dir
  {
    read -r _ free
    if [ "$free" -lt 268435456 ]; then
      block "$root/nix/store: $(mebibytes "$free") are free; free some space (nix-collect-garbage --delete-older-than 14d)"
    elif [ "$free" -lt 1073741824 ]; then
      warn "$root/nix/store: $(mebibytes "$free") are free; the next build may fail"
    fi
    for dir in "$root/" "$root/var"; do
      read -r size free
      if [ "$free" -lt 524288000 ] || [ $((free * 20)) -lt "$size" ]; then
        warn "$dir: less than 500 MiB or 5 % are free"
        break
      fi
    done
  } < <(df -Pk "$root/nix/store" "$root/" "$root/var" | awk 'NR > 1 { printf "%.0f %.0f\n", $2 * 1024, $4 * 1024 }')
  # Inodes; some file systems do not count them.
  free=$(df -Pi "$root/nix/store" 2>/dev/null | awk 'NR == 2 && $2 > 0 && $4 < 20000 { print $4 }')
  [ -z "$free" ] || block "$root/nix/store: only $free more files fit (inodes); free some (nix-collect-garbage --delete-older-than 14d)"
}

# The system is complete, is for this machine's platform, and passes its own checks.
check_system() {
  local output machine
  [ -x "$1/bin/switch-to-configuration" ] || block "$1: it has no switch-to-configuration"
  machine=$(uname -m)
  if [ -e "$1/system" ] && [ "$(content "$1/system")" != "$machine-linux" ]; then
    block "$1 is for $(content "$1/system"), and this machine is $machine-linux; correct hosts.<name>.platform"
  fi
  # The build has asked it, and each of its other actions asks it again.
  [ -z "$noted" ] || return 0
  output=$("$1/bin/switch-to-configuration" check 2>&1) || {
    # Releases before 25.05 have no `check` and print their usage. check_reboot reports a system that
    # can only be booted.
    say "$output" | grep -qi 'usage\|unknown\|invalid' || only_boots "$1" >/dev/null ||
      block "its own checks refuse it: $(say "$output" | tail -n 3 | tr '\n' ' ')"
  }
}

# asked_again: whether deploy.again of the stack has changed since the last commit. That acknowledges
# the present state of the host.
asked_again() { [ -n "$AGAIN" ] && [ "$AGAIN" != "$(content "$state/again")" ]; }

# File systems of the old and the new system that should be mounted and are not, such as a locked
# dataset of ZFS. What needs them does not start.
check_mounts() {
  local device place type options hint mounts=$root/proc/self/mounts now=$running/etc/fstab
  [ -r "$1/etc/fstab" ] && [ -r "$now" ] && [ -r "$mounts" ] || return 0
  while read -r device place type options _; do
    case $device,$type,$options, in
      '#'* | *,swap,* | *,noauto,* | *,x-systemd.automount,*) continue ;;
    esac
    if [ -z "$type" ] || ! mounted_by "$now" "$place" || mounted_by "$mounts" "$place"; then
      continue
    fi
    hint=''
    [ "$type" != zfs ] || hint=" If it is locked: zfs load-key -r ${device%%/*} && mount $place && systemctl start multi-user.target"
    warn "$place is not mounted, so what needs it does not start.$hint"
  done <"$1/etc/fstab"
}

# mounted_by FILE PLACE: whether a table of mounts has this mount point.
mounted_by() { place=$2 awk '$1 !~ /^#/ && $2 == ENVIRON["place"] { found = 1 } END { exit !found }' "$1"; }

# A root that is to be made from a blank subvolume at each boot: the subvolume is there.
check_blank_root() {
  local device subvolume blank top found='' inside=''
  [ -f "$1/etc/homelab/blank-root" ] || return 0
  { read -r device && read -r subvolume && read -r blank; } <"$1/etc/homelab/blank-root"
  top=$(mktemp -d)
  if mount -t btrfs -o ro,subvolid=5 "$device" "$top" 2>/dev/null; then
    # btrfs numbers the directory of each subvolume 256, and no other.
    if [ -d "$top/$blank" ] && [ "$(stat -c %i "$top/$blank")" = 256 ]; then found=yes; fi
    inside=$(mounted_inside "$top" "$subvolume")
    umount "$top"
  else
    rmdir "$top"
    block "$device, where the root is to be, cannot be mounted as btrfs; correct the root in file_systems or in the hardware module"
    return 0
  fi
  rmdir "$top"
  [ -n "$found" ] ||
    block "there is no subvolume $blank, from which each boot is to make the root $subvolume. Make it, empty, on $HOST: mount -o subvolid=5 $device /mnt && btrfs subvolume create /mnt/$blank && btrfs property set /mnt/$blank ro true && umount /mnt"
  [ -z "$inside" ] ||
    block "each boot would put aside the root $subvolume with the subvolumes that are mounted from it: $inside. Move them to the top of the file system, and mount them from there (subvol=)"
}

# mounted_inside TOP SUBVOLUME: the mount points of subvolumes that lie in this one of the file system
# whose top is mounted at TOP, or among its old roots, by whatever device or number they are mounted.
mounted_inside() {
  local number path at ours=''
  while read -r _ _ number _ at _; do
    [ "$at" != "$1" ] || ours=$number
  done </proc/self/mountinfo
  while read -r _ _ number path at _; do
    case $path in
    "/$2"/* | "/$2-old"/*)
      # A mount of a directory is bound, and its files are elsewhere in the root.
      [ "$number" != "$ours" ] || [ "$(stat -c %i "$at")" != 256 ] || printf '%s ' "$at"
      ;;
    esac
  done </proc/self/mountinfo
}

# A switch must not silently undo a change that was made by hand.
check_drift() {
  local ours now
  ours=$(readlink -f "$state/releases/$(current)/result" 2>/dev/null || true)
  [ -n "$(current)" ] && [ -n "$ours" ] || return 0
  now=$(readlink -f "$profile")
  [ "$now" = "$ours" ] || [ "$now" = "$(readlink -f "$1")" ] || is_provisional "$now" ||
    warn "its next boot would start $now, which homelab did not commit; this switch replaces it"
  now=$(readlink -f "$running")
  [ "$now" != "$ours" ] || return 0
  [ "$now" != "$(readlink -f "$1")" ] || return 0
  ! is_provisional "$now" || return 0
  ! asked_again || return 0
  block "it runs $now, which homelab did not commit (it committed $ours): the host was switched by hand. Add that change to the stack, then set deploy.again: {$HOST: \"…any new text\"} to go on"
}

# Of a test and a prepared boot, only one can wait for its confirmation: each is to return to the
# committed system, and neither may return to the other.
check_provisional() {
  local before what
  before=$(provisional)
  [ -n "$before" ] || return 0
  before=$state/deployments/$before
  what="release $(content "$before/release")"
  case $MODE-$(content "$before/how") in
    test-boot)
      is_provisional "$(readlink -f "$profile")" || return 0
      if is_provisional "$(readlink -f "$running")"; then
        what="$what was booted and is not confirmed: confirm it (homelab confirm $HOST)"
      else
        what="$what is prepared for the next boot: reboot, then confirm it (homelab confirm $HOST)"
      fi
      ;;
    boot-test)
      is_provisional "$(readlink -f "$running")" || return 0
      what="$what runs as a test: confirm it (homelab confirm $HOST)"
      ;;
    *) return 0 ;;
  esac
  block "$what, or return to release $(current) (homelab rollback $HOST --to current), or switch to this one (HOMELAB_MODE=switch)"
}

# A cloned disk has the host key of the original.
check_identity() {
  local was now
  was=$(content "$state/machine-id") now=$(content "$root/etc/machine-id")
  if [ -z "$was" ] || [ -z "$now" ] || [ "$was" = "$now" ]; then return 0; fi
  ! asked_again || return 0
  block "/etc/machine-id is $now, and was $was at the last commit: this is another machine, or was reinstalled. If it is $HOST, set deploy.again: {$HOST: \"…any new text\"}"
}

# database SYSTEM: the major version of its PostgreSQL; empty if it has none.
database() {
  sed -n 's|.*/nix/store/[^ /]*-postgresql\(-and-plugins\)\{0,1\}-\([0-9]*\)[.].*|\2|p' \
    "$1/etc/systemd/system/postgresql.service" 2>/dev/null | head -n 1
}

# A new major version uses a new, empty data directory, so every app starts with an empty database.
# With a dump of the last day, that is only a note.
check_database() {
  local old new dumps=$root/var/backup/postgresql
  [ -e "$running/etc/systemd/system/postgresql.service" ] || return 0
  old=$(database "$running") new=$(database "$1")
  if [ -z "$old" ] || [ -z "$new" ] || [ "$old" = "$new" ]; then return 0; fi
  if [ -n "$(find "$dumps" -type f -mtime -1 2>/dev/null | head -n 1)" ]; then
    warn "PostgreSQL goes from $old to $new and starts empty; load the dumps of $dumps into it"
  else
    block "PostgreSQL would go from $old to $new and start empty, and $dumps has no dump of the last day; make one (systemctl start 'postgresqlBackup*'), or pin services.postgresql.package"
  fi
}

# A migration that goes wrong needs a backup from before it.
check_backups() {
  local old
  command -v homelab-backup >/dev/null || return 0
  old=$(homelab-backup status 2>/dev/null) || return 0
  [ -n "$old" ] || return 0
  old="backups are too old: ${old#late }"
  if [ -n "$NEED_BACKUPS" ] && ! asked_again; then
    block "$old. Run homelab backup run for each, or set deploy.again: {$HOST: \"…any new text\"} to go on"
  else
    warn "$old"
  fi
}

# Other tools that change this host, and the clock.
check_others() {
  local unit
  for unit in $(systemctl list-units --state=active --plain --no-legend --no-pager \
    nixos-upgrade.timer comin.service 2>/dev/null | awk '{ print $1 }'); do
    warn "$unit is active and changes this host too; turn off one of the two"
  done
  [ "$(timedatectl show --property=NTPSynchronized --value 2>/dev/null || say yes)" != no ] ||
    warn "the clock is not synchronised; certificates and sign-ins depend on it"
}

# Units of the network and SSH that the switch will restart.
check_impact() {
  local unit units
  if [ "$MODE" = boot ] || boot_mode "$1"; then return; fi
  units=$("$1/bin/switch-to-configuration" dry-activate 2>&1 |
    grep -E 'would (stop|restart|reload)' | grep -Eo '[A-Za-z0-9@_-]+\.service' || true)
  for unit in sshd tailscaled systemd-networkd NetworkManager dhcpcd firewall nftables; do
    case $'\n'"$units"$'\n' in
      *$'\n'"$unit.service"$'\n'*)
        warn "$unit.service will be restarted; the connection may break for a moment"
        ;;
    esac
  done
}

# preflight TOPLEVEL: run all checks and print the findings. Fails if one blocks the switch.
preflight() {
  local before
  check_system "$1"
  check_identity
  check_disk
  check_mounts "$1"
  check_blank_root "$1"
  [ "$MODE" = test ] || check_boot "$1"
  check_reboot "$1"
  check_drift "$1"
  check_provisional
  check_database "$1"
  check_backups
  if [ -z "$noted" ]; then
    before=$findings
    check_others
    [ -n "$blocked" ] || check_impact "$1"
    notes=${findings#"$before"}
  else
    findings=$findings$notes
  fi
  [ -z "$findings" ] || printf '%s' "$findings" >&2
  [ -z "$blocked" ]
}
