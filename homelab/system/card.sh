# shellcheck shell=bash
# Take what `homelab bootstrap --onto` has put on the card's firmware partition: the SSH host key, and
# WiFi networks for iwd. FAT has no owners and modes, so nothing secret stays there.

root=${HOMELAB_ROOT:-} # empty in production, a directory in tests
card=$root/run/homelab-card

# take FILE PLACE: to its place, for root alone. A file that is there already is replaced.
take() {
  mkdir -p "${2%/*}"
  install -m 0600 "$1" "$2.new"
  sync "$2.new" 2>/dev/null || sync
  mv -f "$2.new" "$2"
  rm -f "$1"
}

main() {
  local file
  shopt -s nullglob
  mkdir -p "$card"
  mount -t vfat -o umask=0077 LABEL=FIRMWARE "$card" || {
    echo "homelab: the card has no partition FIRMWARE, so there is no host key and no WiFi on it" >&2
    return 0
  }
  if [ -f "$card/homelab/ssh_host_ed25519_key" ]; then
    take "$card/homelab/ssh_host_ed25519_key" "$root/etc/ssh/ssh_host_ed25519_key"
    ssh-keygen -y -f "$root/etc/ssh/ssh_host_ed25519_key" >"$root/etc/ssh/ssh_host_ed25519_key.pub"
    chmod 0644 "$root/etc/ssh/ssh_host_ed25519_key.pub"
    echo "homelab: took the SSH host key from the card"
  fi
  for file in "$card"/homelab/wifi/*.psk; do
    take "$file" "$root/var/lib/iwd/${file##*/}"
    echo "homelab: took a WiFi network from the card"
  done
  rmdir "$card/homelab/wifi" "$card/homelab" 2>/dev/null || true
  sync
  umount "$card"
}

main
