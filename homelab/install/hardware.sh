# shellcheck shell=bash
# Print this machine's hardware module. The stack has the file systems.

command -v nixos-generate-config >/dev/null || fail "there is no nixos-generate-config here; start a NixOS installer"
nixos-generate-config --no-filesystems --show-hardware-config </dev/null
