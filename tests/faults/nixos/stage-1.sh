#!/bin/sh
# The first stage of a boot, as the initrd's only program: modules, the root file system that the
# boot entry names, and then the system that it names. What fails ends process 1, as it does on
# NixOS with boot.panic_on_fail: the kernel panics, and starts the machine anew if it was told to.
set -eu

busybox mkdir -p /dev /proc /sys /system
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
# shellcheck disable=SC2013 # words are meant
for word in $(busybox cat /proc/cmdline); do
  case $word in
    init=*) init=${word#init=} ;;
    root=*) root=${word#root=} ;;
  esac
done
while read -r module; do busybox insmod "$module"; done </modules
# Links have the names that the stack gives them, whatever slot their card is in.
for card in /sys/class/net/*; do
  case $(busybox cat "$card/address") in
    52:54:00:00:00:01) busybox ip link set "${card##*/}" name lan ;;
    52:54:00:00:00:02) busybox ip link set "${card##*/}" name tailnet ;;
  esac
done
tries=50
while [ ! -b "$root" ] && [ "$tries" -gt 0 ]; do
  tries=$((tries - 1))
  busybox sleep 0.1
done
# Nothing is written of itself before the power is cut.
busybox mount -t ext4 -o rw,commit=600 "$root" /system
if [ ! -e "/system$init" ]; then
  echo "stage 2 init script ($init) not found" >&2
  exit 1
fi
busybox mount -t vfat -o umask=0077 /dev/vdb1 /system/boot
busybox mount -t tmpfs -o mode=755 tmpfs /system/run
for directory in dev proc sys; do busybox mount --move "/$directory" "/system/$directory"; done
exec busybox switch_root /system "$init"
