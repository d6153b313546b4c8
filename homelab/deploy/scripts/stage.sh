# shellcheck shell=bash
# Put the files of one release on the host, all or none.

# put PATH TEXT: write exactly this text to the file.
put() { printf '%s' "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a shell would change; base64 comes on standard input.
put_base64() { base64 -d >"$work/flake/$1"; }

main() {
  local target=$state/releases/$RELEASE
  take_lock "staging release $RELEASE"
  if [ -d "$target" ]; then
    say "release $RELEASE is already there"
    return
  fi
  # While we hold the lock nobody else stages, so unfinished directories are leftovers.
  rm -rf "$state"/releases/.??*
  work=$(mktemp -d "$state/releases/.$RELEASE.XXXXXX")
  mkdir "$work/flake"
  files # made by scripts.py: one mkdir, then one put per file
  flush_all "$work"
  mv "$work" "$target"
  flush "$state/releases"
  say "staged release $RELEASE"
}

main </dev/null
