# shellcheck shell=bash
# Run a command of this host that changes nothing. The arguments are the command.

main() {
  command -v "$1" >/dev/null ||
    fail "there is no command $1 here yet; it comes with this host's own release, so switch this host first"
  "$@"
}

main "$@" </dev/null
