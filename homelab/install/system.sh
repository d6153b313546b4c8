# shellcheck shell=bash
# Put the host key in place, then install the system.

# The key comes first: the activation decrypts secrets with it, and sshd makes no other one.
place_key() {
  local directory=$mounted$PLACE/etc/ssh
  # The initrd of a host with a temporary root mounts the second one.
  mkdir -p "$directory" "$mounted$PLACE/var/lib/homelab"
  (umask 077 && printf '%s' "$HOST_KEY" >"$directory/.homelab-key")
  chown 0:0 "$directory/.homelab-key"
  chmod 600 "$directory/.homelab-key"
  mv -f "$directory/.homelab-key" "$directory/ssh_host_ed25519_key"
  printf '%s\n' "$HOST_KEY_PUBLIC" >"$directory/ssh_host_ed25519_key.pub"
  chmod 644 "$directory/ssh_host_ed25519_key.pub"
}

# main OPTION…: of Nix.
main() {
  local what
  alone
  is_done disks "$MARK" || fail "the disks are not partitioned; run homelab install again"
  mountpoint -q "$mounted" || fail "$mounted is no longer mounted; run homelab install again"
  place_key
  trap 'rm -rf "$lent"' EXIT
  lend "$work"
  [ -z "$lent" ] || set -- "$@" --option netrc-file "$lent/netrc"
  what=(--flake "path:$work/flake#$HOST" --no-update-lock-file "$@")
  [ -z "$SYSTEM" ] || what=(--system "$SYSTEM")
  logged install nixos-install --root "$mounted" --no-root-password --no-channel-copy "${what[@]}"
  [ -L "$mounted/nix/var/nix/profiles/system" ] || fail "nixos-install made no system in $mounted; see $work/install.log"
  [ -s "$mounted$PLACE/etc/ssh/ssh_host_ed25519_key" ] || fail "the host key is missing in $mounted$PLACE/etc/ssh; run homelab install again"
  sync -f "$mounted" 2>/dev/null || sync
  finished system "$MARK"
  echo "installed $(readlink "$mounted/nix/var/nix/profiles/system")"
}

main "$@" </dev/null
