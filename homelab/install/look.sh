# shellcheck shell=bash
# Describe this machine for `homelab install`, as lines of a name, a tab and a value in base64. It may
# run any Linux. Changes nothing.

root=${HOMELAB_ROOT:-} # empty in production, a directory in the lab

# record NAME: its value is the standard input.
record() { printf '%s\t%s\n' "$1" "$(base64 | tr -d '\n')"; }

# text NAME FILE
text() { [ ! -r "$2" ] || [ -d "$2" ] || record "$1" <"$2"; }

# The names of disks that stay the same, and the device of each.
links() {
  local link
  for link in "$root"/dev/disk/by-id/* "$root"/dev/disk/by-path/*; do
    printf '%s %s\n' "${link#"$root"}" "/dev/$(basename "$(readlink "$link")")"
  done | record links
}

programs() {
  local name
  for name in lsblk nix nix-store nixos-install nixos-generate-config kexec; do
    if command -v "$name" >/dev/null; then printf '%s\n' "$name"; fi
  done | record programs
}

# Steps of an earlier run, and their marks. They are forgotten when the machine restarts.
steps() {
  local file
  for file in "$root"/run/homelab-install/done/*; do
    printf '%s %s\n' "${file##*/}" "$(cat "$file")"
  done | record 'done'
}

main() {
  shopt -s nullglob
  uname -m | record machine
  id -u | record user
  text os-release "$root/etc/os-release"
  text host-name "$root/proc/sys/kernel/hostname"
  text memory "$root/proc/meminfo"
  text release "$root/var/lib/homelab/current"
  [ ! -d "$root/sys/firmware/efi" ] || printf 'yes' | record efi
  links
  programs
  steps
  # Without -a: no loop device without a file, and no disk without a medium.
  { lsblk --json --bytes --output NAME,PATH,TYPE,SIZE,MODEL,SERIAL,RO,FSTYPE,LABEL,MOUNTPOINT || true; } | record disks
  printf 'whole' | record end
}

main "$@" </dev/null
