# shellcheck shell=bash
# Print what a switch to a built release would do. Changes nothing.

MOST=200

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

# names SYSTEM: the store paths of a system without their hashes, sorted.
names() { nix-store --query --requisites "$1" | sed 's|.*/||; s|^[^-]*-||' | sort -u; }

# packages OLD NEW: what only one of the systems has: the versions of its packages, and its units.
packages() {
  local old new all
  if ! old=$(names "$1") || ! new=$(names "$2"); then
    say "nix-store does not list the packages of both systems, so they are not compared"
    return
  fi
  all=$(
    comm -23 <(say "$old") <(say "$new") | sed 's/^/gone from the system: /'
    comm -13 <(say "$old") <(say "$new") | sed 's/^/new in the system: /'
  )
  [ -n "$all" ] || return 0
  say "$all" | sed -n "1,${MOST}p"
  [ "$(say "$all" | wc -l)" -le "$MOST" ] || say "and more; these are the first $MOST"
}

main() {
  local toplevel part
  toplevel=$(readlink -f "$state/releases/$RELEASE/result" || true)
  [ -x "$toplevel/bin/switch-to-configuration" ] ||
    fail "$state/releases/$RELEASE: not built here; run pulumi up, which builds it first"
  if [ "$toplevel" = "$(readlink -f "$running")" ]; then
    say "this host runs $toplevel already"
    return
  fi
  say "a switch goes from $(readlink -f "$running") to $toplevel"
  files
  packages "$(readlink -f "$running")" "$toplevel"
  if part=$(waits_for_boot "$toplevel"); then say "a reboot is needed for its $part"; fi
  # Some versions print their plan to standard output, others to standard error.
  "$toplevel/bin/switch-to-configuration" dry-activate 2>&1 | cut -b 1-1000
}

main </dev/null
