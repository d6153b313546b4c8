#!/bin/bash
# `nixos-rebuild build`: turns the files beside a flake into a system in the store. A path in the
# store comes from the files alone, so that two releases may well be one system.
set -eu

standins=/usr/local/share/nixos
store=/nix/store

refuse() {
  echo "error: $*" >&2
  exit 1
}

[ "${1:-}" = build ] || refuse "only build is known here, not $*"
shift
flake='' locked=''
while [ $# != 0 ]; do
  case $1 in
    --flake) flake=${2%#*} && shift ;;
    --no-update-lock-file) locked=yes ;;
    --builders) shift ;;
    *) refuse "unrecognised option '$1'" ;;
  esac
  shift
done
[ -n "$locked" ] || refuse "--no-update-lock-file is missing: a build must not move a pin"
[ -f "$flake/flake.nix" ] || refuse "$flake: no flake.nix"

given=$flake/system
label=$(cat "$given/label")
hash=$(cd "$given" && find . -type f -exec sha256sum {} + | sort | sha256sum | cut -c 1-32)
top=$store/$hash-nixos-system-pi-$label

# A kernel is a store path of its own, which systems share. Where machines start by one, it is real.
linux_here=/usr/local/share/linux
kernel=$(cat "$given/facts/kernel" 2>/dev/null || echo "6.12 1")
linux=$store/$(sha256sum <<<"$kernel" | cut -c 1-32)-linux-${kernel% *}
if [ ! -e "$linux" ]; then
  mkdir "$linux.tmp"
  if [ -d "$linux_here" ]; then
    cp "$linux_here/bzImage" "$linux_here/initrd" "$linux.tmp/"
  else
    head -c "${kernel#* }M" /dev/zero >"$linux.tmp/bzImage"
    echo initrd >"$linux.tmp/initrd"
  fi
  mv "$linux.tmp" "$linux"
fi

echo "building the system configuration..."
if [ ! -e "$top" ]; then
  work=$top.tmp
  rm -rf "$work"
  trap 'rm -rf "$work"' EXIT # as Nix does with what it could not finish
  mkdir -p "$work/bin" "$work/sw/bin" "$work/etc/homelab" "$work/etc/systemd/system/multi-user.target.wants" \
    "$work/facts" "$work/activate.d"
  echo "$label" >"$work/nixos-version"
  printf %s "$label" >"$work/etc/homelab/release"
  echo "$(uname -m)-linux" >"$work/system"
  cat "$given/facts/kernel-params" "$linux_here/kernel-params" 2>/dev/null | head -n 1 >"$work/kernel-params"
  ln -s "$linux/bzImage" "$work/kernel"
  ln -s "$linux/initrd" "$work/initrd"
  cp "$standins/init.sh" "$work/init"
  cp "$standins/activate.sh" "$work/activate"
  cp "$standins/switch-to-configuration.sh" "$work/bin/switch-to-configuration"
  cp "$standins/install-bootloader.sh" "$work/bin/install-bootloader"
  for name in nixos-rebuild nix-env nix-store; do cp "$standins/$name.sh" "$work/sw/bin/$name"; done
  for part in facts activate.d; do [ ! -d "$given/$part" ] || cp "$given/$part"/* "$work/$part/"; done
  units=$work/etc/systemd/system
  cp "$standins"/units/* "$units/"
  [ ! -d "$given/units" ] || cp "$given/units"/* "$units/"
  [ ! -e "$given/without" ] || (cd "$units" && xargs rm <"$given/without")
  for unit in "$units"/*.*; do
    if grep -qsx 'WantedBy=multi-user.target' "$unit"; then
      ln -s "../${unit##*/}" "$units/multi-user.target.wants/"
    fi
  done
  if [ -e "$given/facts/closure-mib" ]; then
    head -c "$(cat "$given/facts/closure-mib")M" /dev/zero >"$work/closure" || exit
  fi
  chmod -R u+x "$work/init" "$work/activate" "$work/bin" "$work/sw/bin"
  mv "$work" "$top"
  trap - EXIT
fi
ln -sfn "$top" result
echo "$top"
