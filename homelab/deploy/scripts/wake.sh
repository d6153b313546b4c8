# shellcheck shell=bash
# Wake another host with the command that this host has for it.

main() {
  command -v "$WAKE" >/dev/null ||
    fail "there is no command $WAKE here yet; it comes with this host's own release, so switch this host first"
  "$WAKE" || fail "$WAKE exited with $?"
}

main </dev/null
