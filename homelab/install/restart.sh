# shellcheck shell=bash
# Unmount the new file systems, and restart the machine a moment later, when this connection has ended.

main() {
  alone
  is_done system "$MARK" || fail "the system is not installed; run homelab install again"
  sync
  swapoff -a || true
  umount -R "$mounted" || fail "$mounted cannot be unmounted; end what uses it (fuser -vm $mounted), then run homelab install again"
  # Without an export, the new system would refuse to import a ZFS pool of another machine.
  if command -v zpool >/dev/null; then zpool export -a || true; fi
  rm -f "$work"/done/*
  nohup sh -c 'sleep 2; systemctl reboot || reboot' </dev/null >/dev/null 2>&1 9>&- &
}

main </dev/null
