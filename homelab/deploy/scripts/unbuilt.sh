# shellcheck shell=bash
# List what a build of a derivation would build and fetch. Builds and fetches nothing.
# Nix prints the list to standard error.

main() {
  command -v nix-store >/dev/null 2>&1 || {
    echo "homelab: nix-store is not on PATH" >&2
    exit 127
  }
  nix-store --realise --dry-run -- "$DERIVATION" >/dev/null
}

main </dev/null
