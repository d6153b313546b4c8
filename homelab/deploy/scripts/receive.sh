# shellcheck shell=bash
# Take a system that was built on another machine, and is in this store already, as a release's result.

main() {
  local release=$state/releases/$RELEASE
  take_lock "receiving release $RELEASE"
  [ -d "$release/flake" ] ||
    fail "$release: release $RELEASE is not staged here; run pulumi up, which stages it first"
  nix-store --realise "$SYSTEM" --add-root "$release/result" --indirect >/dev/null ||
    fail "$SYSTEM: it was copied here, and the store has lost it; run pulumi up again"
  # Nix does not sync. A release that counts as built must survive a power cut.
  flush_all "$root/nix/store"
  flush "$release"
}

main </dev/null
