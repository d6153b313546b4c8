# shellcheck shell=bash
# Put the files of one release on the host, whole or not at all.

# put PATH: what comes on standard input, exactly.
put() { cat >"$work/flake/$1"; }

# put_bare PATH BYTES: likewise, less the newline that a here-document adds.
put_bare() { head -c "$2" >"$work/flake/$1"; }

# put_base64 PATH: likewise, for what a here-document cannot hold.
put_base64() { base64 -d >"$work/flake/$1"; }

main() {
  local target=$state/releases/$RELEASE
  take_lock "staging release $RELEASE"
  if [ -d "$target" ]; then
    say "release $RELEASE is already there"
    return
  fi
  # Nobody else stages while we hold the lock, so what others left half-way is dead.
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
