# shellcheck shell=bash
# Put the files of one release on the host, all or none.

# put PATH: write standard input to the file, exactly.
put() { cat >"$work/flake/$1"; }

# put_bare PATH BYTES: the same without the newline that a here-document adds.
put_bare() { head -c "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a here-document cannot hold.
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
  find "$work" -type f -exec sync {} + 2>/dev/null || sync
  mv "$work" "$target"
  flush "$state/releases"
  say "staged release $RELEASE"
}

main </dev/null
