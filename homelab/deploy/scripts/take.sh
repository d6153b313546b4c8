# shellcheck shell=bash
# Put a source into this host's store. It comes as a Nix archive on the rest of standard input, or from
# `source_text`, which a bundle has. The store path says what it must contain.

# source_text: replaced in a bundle.
if ! declare -F source_text >/dev/null; then source_text() { cat; }; fi

main() {
  local made
  mkdir -p "$state"
  work=$(mktemp -d "$state/.source.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  source_text | nix-store --restore "$work/source"
  made=$(nix-store --add-fixed --recursive sha256 "$work/source")
  [ "$made" = "$SOURCE" ] || fail "$made: this is not the source that the lock file names ($SOURCE); run pulumi up again"
  # Until the release goes, the garbage collector leaves it.
  if [ -n "$RELEASE" ] && [ -d "$state/releases/$RELEASE" ]; then
    nix-store --realise "$made" --add-root "$state/releases/$RELEASE/${made##*/}" --indirect >/dev/null
  fi
}

main
