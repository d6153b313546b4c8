# shellcheck shell=bash
# Boot loader files: what an entry needs, what removing old entries frees, and whether the next boot
# really starts a system. Reads only.

bytes() { wc -c <"$1" | tr -d ' '; }

# in_store PATH: a store path as the file name that boot loader installers give it.
in_store() {
  local path
  path=$(readlink -f "$1")
  path=${path#*/nix/store/}
  say "$path" | tr / -
}

# The directory of the boot loader's files; often a file system of its own.
boot_directory() {
  local dir
  for dir in "$root/boot" "$root/boot/efi" "$root/efi"; do
    if [ -d "$dir/EFI/nixos" ] || [ -d "$dir/loader/entries" ]; then
      say "$dir"
      return
    fi
  done
  # A Raspberry Pi whose firmware starts the kernel keeps it beside the firmware.
  if [ -d "$root/boot/firmware/nixos" ] && [ ! -d "$root/boot/nixos" ]; then
    say "$root/boot/firmware"
    return
  fi
  say "$root/boot"
}

# The directory of systemd-boot's settings: the EFI system partition, even if the entries have their
# own partition (boot.loader.systemd-boot.xbootldrMountPoint).
esp() {
  local dir
  for dir in "$(boot_directory)" "$root/efi" "$root/boot/efi" "$root/boot"; do
    if [ -f "$dir/loader/loader.conf" ]; then
      say "$dir"
      return
    fi
  done
  boot_directory
}

# default_entry: the file of the default entry. Returns 1 if the file is missing, and 2 if the
# default is a pattern (the newest match starts) or unset.
default_entry() {
  local dir id entry
  dir=$(boot_directory)
  # An installer with boot counting sets `preferred`, which wins while its entry boots.
  id=$(awk '{ is[$1] = $2 } END { print is["preferred"] ? is["preferred"] : is["default"] }' \
    "$(esp)/loader/loader.conf" 2>/dev/null) || return 1
  case $id in
    '' | *[*?]* | @*) return 2 ;;
  esac
  for entry in "$dir/loader/entries/${id%.conf}".conf "$dir/loader/entries/${id%.conf}"+*.conf; do
    if [ -f "$entry" ]; then
      say "$entry"
      return
    fi
  done
  return 1
}

# whole DIRECTORY ENTRY TOPLEVEL: whether all files that the system's boot entry names exist in full
# size. The installer chooses the names; it may append secrets to the initrd.
whole() {
  local key file size initrd=$3/initrd
  while read -r key file _; do
    size=$({ bytes "$1$file"; } 2>/dev/null)
    [ "${size:-0}" -gt 0 ] || return 1
    case $key in
      linux) [ ! -f "$3/kernel" ] || [ "$size" = "$(bytes "$3/kernel")" ] || return 1 ;;
      initrd)
        [ ! -f "$initrd" ] || [ "$size" -ge "$(bytes "$initrd")" ] || return 1
        initrd='' # others may follow
        ;;
    esac
  done < <(awk '$1 == "linux" || $1 == "initrd" || $1 == "devicetree"' "$2")
}

# starts_from_store DIRECTORY: whether the boot loader reads kernels from the Nix store. GRUB does if
# /boot and the store are on one file system (nixpkgs, install-grub.pl: copyKernels).
starts_from_store() {
  [ -f "$1/grub/grub.cfg" ] && [ "$(mounted "$1")" = "$(mounted "$root/nix/store")" ] && [ ! -d "$1/kernels" ]
}

# mounted DIRECTORY: the mount point of its file system.
mounted() { df -Pk "$1" | awk 'NR == 2 { print $6 }'; }

# boot_files TOPLEVEL: «name bytes» of each file that a boot entry of this system needs.
boot_files() {
  local part suffix=''
  if [ "$BOOT_LOADER" = systemd-boot ] || { [ "$BOOT_LOADER" = hardware ] && [ -d "$(boot_directory)/EFI/nixos" ]; }; then suffix=.efi; fi
  for part in kernel initrd; do
    [ ! -f "$1/$part" ] || say "$(in_store "$1/$part")$suffix $(bytes "$1/$part")"
  done
  if [ "$BOOT_LOADER" = extlinux ] && [ -d "$1/dtbs" ]; then
    say "$(in_store "$1/dtbs") $(($(du -skL "$1/dtbs" | cut -f 1) * 1024))"
  fi
}

# entry_files DIRECTORY NUMBER…: the kernels and initrds that entries of these generations name.
entry_files() {
  local dir=$1 number
  shift
  for number in "$@"; do
    cat "$dir"/loader/entries/nixos-generation-"$number"[-+.]*conf 2>/dev/null |
      awk '$1 == "linux" || $1 == "initrd" { n = split($2, p, "/"); print p[n] }'
  done | sort -u
}

# freed DIRECTORY TOPLEVEL: bytes of files that the installer removes before it writes the new entry.
# The systemd-boot installer that numbers its entries removes old files first. The one that names
# entries by content (nixpkgs, systemd-boot-builder.py, 2026) writes first, as all others do.
freed() {
  local dir=$1 numbers kept gone total=0 name
  [ "$BOOT_LOADER" = systemd-boot ] || { say 0 && return; }
  numbers=$(find "$dir/loader/entries" -name 'nixos-generation-*.conf' 2>/dev/null |
    sed 's/.*nixos-generation-\([0-9]*\).*/\1/' | sort -rnu)
  # shellcheck disable=SC2046,SC2086 # numbers are words
  kept=$(entry_files "$dir" $(say "$numbers" | head -n $((BOOT_LIMIT - 1))) && boot_files "$2" | cut -d ' ' -f 1)
  # shellcheck disable=SC2046,SC2086
  gone=$(entry_files "$dir" $(say "$numbers" | tail -n +"$BOOT_LIMIT"))
  for name in $gone; do
    if ! say "$kept" | grep -Fqx "$name" && [ -f "$dir/EFI/nixos/$name" ]; then
      total=$((total + $(bytes "$dir/EFI/nixos/$name")))
    fi
  done
  say "$total"
}

# default_boots TOPLEVEL: whether the default entry starts this system and all its files exist; an
# installer that exits 0 is no proof. Returns 2 if that cannot be known: no boot loader files, or a
# pattern. Ignores files of a boot loader that the host had before.
default_boots() {
  local dir entry file name
  dir=$(boot_directory)
  if [ -d "$dir/loader/entries" ] && [ "$BOOT_LOADER" != grub ] && [ "$BOOT_LOADER" != extlinux ]; then
    entry=$(default_entry) || return
    grep -q "init=$1/init" "$entry" || return 1
    whole "$dir" "$entry" "$1"
  elif [ -f "$dir/extlinux/extlinux.conf" ] && [ "$BOOT_LOADER" != grub ]; then
    file=$dir/extlinux/extlinux.conf
    name=$(awk '$1 == "DEFAULT" { print $2 }' "$file")
    awk -v label="$name" '$1 == "LABEL" { on = $2 == label } on' "$file" | grep -q "init=$1/init" || return 1
    while read -r name file; do
      [ -e "$dir/nixos/$name" ] || return 1
    done < <(boot_files "$1")
  elif [ -f "$dir/grub/grub.cfg" ]; then
    # The first entry is the default.
    grep -m 1 'init=' "$dir/grub/grub.cfg" | grep -q "init=$1/init"
  else
    return 2
  fi
}
