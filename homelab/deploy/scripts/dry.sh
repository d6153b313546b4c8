# shellcheck shell=bash
# Print what a switch to a built release would do. Changes nothing.

# files: the files that differ from those of the committed release. The state of the stack keeps the
# committed ones, so only the dry run tells.
files() {
  local old new=$state/releases/$RELEASE/flake file
  old=$state/releases/$(current)/flake
  [ -d "$old" ] && [ -d "$new" ] || return 0
  (
    cd "$new" || exit
    find . -type f | sort | while read -r file; do
      if [ ! -e "$old/$file" ]; then
        say "new file: ${file#./}"
      elif ! cmp -s "$old/$file" "$file"; then
        say "changed file: ${file#./}"
      fi
    done
    cd "$old" || exit
    find . -type f | sort | while read -r file; do
      [ -e "$new/$file" ] || say "removed file: ${file#./}"
    done
  )
}

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
  files
  # Some versions print their plan to standard output, others to standard error.
  "$toplevel/bin/switch-to-configuration" dry-activate 2>&1 | cut -b 1-1000
}

main </dev/null
