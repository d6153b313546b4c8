# shellcheck shell=bash
# Run a command of this host and print its output. The command goes on if this connection is lost, and
# holds the host's lock, so that no switch runs meanwhile. The arguments are the command; LOG names
# the file with its output.

main() {
  local log=$state/$LOG.log pid
  command -v "$1" >/dev/null ||
    fail "there is no command $1 here yet; it comes with this host's own release, so switch this host first"
  mkdir -p "$state"
  lock "$LOCK_SECONDS" "$LOG"
  : >"$log"
  setsid "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  tail -n +1 -f --pid="$pid" "$log"
  wait "$pid"
}

main "$@" </dev/null
