#!/bin/bash
# What systemd-boot's installer does with the files of /boot: remove what generations beyond the
# limit used, write an entry for each of the others, and name the system it was called with.
set -eu

# Faults that a test asks for; a power cut takes them away.
while [ -e /run/loader-waits-before ]; do sleep 0.1; done
[ ! -e /run/loader-lies ] || exit 0

top=$1 boot=/boot limit=10
profiles=/nix/var/nix/profiles
mkdir -p "$boot/EFI/nixos" "$boot/loader/entries"

numbers=$(find "$profiles" -name 'system-*-link' -printf '%f\n' |
  sed 's/^system-\([0-9]*\)-link$/\1/' | sort -rn | head -n "$limit")

in_store() { readlink -f "$1" | sed 's|^/nix/store/||; s|/|-|g; s|$|.efi|'; }

wanted=$(for n in $numbers; do
  for part in kernel initrd; do in_store "$profiles/system-$n-link/$part"; done
done)
for path in "$boot"/EFI/nixos/*; do
  if [ -e "$path" ] && ! grep -Fqx "${path##*/}" <<<"$wanted"; then rm "$path"; fi
done
for path in "$boot"/loader/entries/*; do
  n=${path##*/nixos-generation-}
  if [ -e "$path" ] && ! grep -qx "${n%.conf}" <<<"$numbers"; then rm "$path"; fi
done

copy() {
  local to
  to=$boot/EFI/nixos/$(in_store "$1")
  [ -e "$to" ] || { cp "$(readlink -f "$1")" "$to.tmp" && mv "$to.tmp" "$to"; } || {
    rm -f "$to.tmp"
    return 1
  }
}

for n in $numbers; do
  system=$(readlink -f "$profiles/system-$n-link")
  copy "$system/kernel"
  copy "$system/initrd"
  entry=$boot/loader/entries/nixos-generation-$n.conf
  cat >"$entry.tmp" <<END
title NixOS
version Generation $n $(cat "$system/nixos-version")
linux /EFI/nixos/$(in_store "$system/kernel")
initrd /EFI/nixos/$(in_store "$system/initrd")
options init=$system/init $(cat "$system/kernel-params")
END
  mv "$entry.tmp" "$entry"
  [ "$system" != "$top" ] || default=nixos-generation-$n.conf
done
while [ -e /run/loader-waits-meanwhile ]; do sleep 0.1; done
printf 'timeout 0\ndefault %s\n' "${default:?is no generation}" >"$boot/loader/loader.conf.tmp"
mv "$boot/loader/loader.conf.tmp" "$boot/loader/loader.conf"
sync --file-system "$boot"
while [ -e /run/loader-waits-after ]; do sleep 0.1; done
