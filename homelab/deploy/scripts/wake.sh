# shellcheck shell=bash
# Wake a neighbour, by the command that this host has for it.

main() {
  command -v "$WAKE" >/dev/null ||
    fail "there is no $WAKE here yet; it comes with this host's own release, so bring that up first"
  "$WAKE" || fail "$WAKE ended with $?"
}

main </dev/null
