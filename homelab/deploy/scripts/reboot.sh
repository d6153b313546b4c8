# shellcheck shell=bash
# Systems that take effect at boot only: how to recognise them, and whether this host can boot one a
# single time. Only definitions.

# only_boots SYSTEM: why it cannot be switched to live; fails if it can.
only_boots() {
  local part
  for part in init-interface-version switch-inhibitors; do
    if [ -e "$running/$part" ] && [ -e "$1/$part" ] && ! cmp -s "$running/$part" "$1/$part"; then
      say "$part"
      return
    fi
  done
  return 1
}

# entry_of SYSTEM: the file name of its boot entry; empty if it has none.
entry_of() {
  local dir file
  dir=$(boot_directory)
  file=$(grep -ls "init=$1/init" "$dir"/loader/entries/*.conf | tail -n 1)
  # With boot counting the name holds the tries: nixos-generation-7+3-1.conf.
  say "${file##*/}" | sed 's/+[0-9-]*\.conf$/.conf/'
}

# boots_once: whether the host can boot a system a single time, so that the following boot starts the
# old one even if the new one fails. systemd-boot keeps the one-time entry in an EFI variable. If the
# default is a pattern that takes the newest entry, the following boot would not start the old one.
boots_once() {
  [ "$BOOT_LOADER" != grub ] && [ "$BOOT_LOADER" != extlinux ] &&
    [ -d "$(boot_directory)/loader/entries" ] && [ -d "$root/sys/firmware/efi/efivars" ] &&
    command -v bootctl >/dev/null && default_entry >/dev/null
}

# Whether a disk is encrypted, so that a person may have to unlock it.
locked_disk() { grep -qs '^CRYPT-' "$root"/sys/block/dm-*/dm/uuid; }

# is_generation SYSTEM: whether it is a generation of the profile, so that it has a boot entry.
is_generation() {
  local link
  for link in "$profile"-*-link; do
    [ "$(readlink -f "$link")" != "$1" ] || return 0
  done
  return 1
}

# check_reboot SYSTEM: whether it needs a reboot, and whether the switch may do one, as findings.
check_reboot() {
  local why only=''
  why=$(only_boots "$1") && only=yes || why=$(waits_for_boot "$1") || return 0
  [ "$MODE" != boot ] || return 0
  if [ "$REBOOT" = never ]; then
    if [ -n "$only" ] && [ "$MODE" = test ]; then
      block "it can be booted, but not switched to while the old system runs ($why differs), so it cannot be tested; set hosts.$HOST.mode: boot, or mode: switch with reboot: {}"
    elif [ -n "$only" ]; then
      block "it can be booted, but not switched to while the old system runs ($why differs); set hosts.$HOST.reboot: {}, or boot it by hand (nixos-rebuild boot)"
    else
      warn "its $why differs from the booted one; it takes effect at the next boot"
    fi
    return
  fi
  warn "its $why differs from the booted one: this switch restarts the host"
  [ -z "$UNLOCKED" ] && locked_disk &&
    block "a disk is encrypted, so a person may have to unlock it after a restart; restart the host by hand, or set hosts.$HOST.reboot: {unlocked: true} if the disk unlocks by itself"
  is_generation "$(readlink -f "$running")" ||
    block "the running system is not a generation of $profile, so a restart could not return to it; switch to a generation first"
  [ "$REBOOT" = always ] || boots_once ||
    block "its boot loader cannot boot a system a single time (systemd-boot on EFI can), so a kernel that fails needs a person at the machine; restart it by hand, or set hosts.$HOST.reboot: {without_one_shot: true}"
}

# boot_mode SYSTEM: whether this switch restarts the host.
boot_mode() {
  [ "$REBOOT" != never ] || return 1
  only_boots "$1" >/dev/null || waits_for_boot "$1" >/dev/null
}
