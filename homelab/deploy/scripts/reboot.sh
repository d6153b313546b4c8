# shellcheck shell=bash
# Systems that only a boot brings in: which those are, whether this host can start one just once, and
# how it is told to. It defines and never acts.

# only_boots SYSTEM: why it cannot be switched to while this one runs; fails when it can.
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

# entry_of SYSTEM: the name by which the boot loader knows it; empty when it does not.
entry_of() {
  local dir file
  dir=$(boot_directory)
  file=$(grep -ls "init=$1/init" "$dir"/loader/entries/*.conf | tail -n 1)
  # A name may count its tries: nixos-generation-7+3-1.conf.
  say "${file##*/}" | sed 's/+[0-9-]*\.conf$/.conf/'
}

# boots_once: whether a system can be started just once, so that whatever becomes of it the next
# start is the old one. systemd-boot keeps that in a variable of the firmware. Where the default is the
# newest entry, whichever that is, there is no way back.
boots_once() {
  [ "$BOOT_LOADER" != grub ] && [ "$BOOT_LOADER" != extlinux ] &&
    [ -d "$(boot_directory)/loader/entries" ] && [ -d "$root/sys/firmware/efi/efivars" ] &&
    command -v bootctl >/dev/null && default_entry >/dev/null
}

# Whether somebody has to be there to unlock a disk.
locked_disk() { grep -qs '^CRYPT-' "$root"/sys/block/dm-*/dm/uuid; }

# is_generation SYSTEM: whether it is in the profile, so that the boot loader has an entry for it.
is_generation() {
  local link
  for link in "$profile"-*-link; do
    [ "$(readlink -f "$link")" != "$1" ] || return 0
  done
  return 1
}

# check_reboot SYSTEM: how it would take part, as a finding.
check_reboot() {
  local why only=''
  why=$(only_boots "$1") && only=yes || why=$(waits_for_boot "$1") || return 0
  if [ "$REBOOT" = never ]; then
    if [ -n "$only" ]; then
      block "it cannot be switched to while the old one runs, only booted ($why differs); say hosts.$HOST.reboot: {}, or boot it by hand (nixos-rebuild boot)"
    else
      warn "its $why is not the one that runs; it takes part at the next boot"
    fi
    return
  fi
  warn "its $why is not the one that runs: this switch restarts the host"
  [ -z "$UNLOCKED" ] && locked_disk &&
    block "a disk is encrypted, and somebody has to unlock it after a restart; restart it by hand, or say hosts.$HOST.reboot: {unlocked: true} if nobody has to"
  is_generation "$(readlink -f "$running")" ||
    block "what runs is no generation of $profile, so no restart could come back to it; switch to one first"
  [ "$REBOOT" = always ] || boots_once ||
    block "its boot loader cannot start a system just once (systemd-boot on EFI can), so a kernel that does not come up would need a person; restart it by hand, or say hosts.$HOST.reboot: {without_one_shot: true}"
}

# boot_mode SYSTEM: whether this switch goes by a restart.
boot_mode() {
  [ "$REBOOT" != never ] || return 1
  only_boots "$1" >/dev/null || waits_for_boot "$1" >/dev/null
}
