# shellcheck shell=bash
# Print what a switch to a built release would do. Changes nothing.

main() {
  local toplevel
  toplevel=$(readlink -f "$state/releases/$RELEASE/result" || true)
  [ -x "$toplevel/bin/switch-to-configuration" ] ||
    fail "$state/releases/$RELEASE: not built here; run pulumi up, which builds it first"
  if [ "$toplevel" = "$(readlink -f "$running")" ]; then
    say "this host runs $toplevel already"
    return
  fi
  say "a switch goes from $(readlink -f "$running") to $toplevel"
  # Some versions print their plan to standard output, others to standard error.
  "$toplevel/bin/switch-to-configuration" dry-activate 2>&1 | cut -b 1-1000
}

main </dev/null
