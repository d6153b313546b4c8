# shellcheck shell=bash
# Evaluate one host's tree with this machine's Nix, and leave nothing behind.
# The answer is JSON on standard output; what Nix says besides goes to standard error.

# put PATH: what comes on standard input, exactly.
put() { cat >"$work/flake/$1"; }

# put_bare PATH BYTES: likewise, less the newline that a here-document adds.
put_bare() { head -c "$2" >"$work/flake/$1"; }

# put_base64 PATH: likewise, for what a here-document cannot hold.
put_base64() { base64 -d >"$work/flake/$1"; }

# whole_flake: by the flake's own lock, in pure mode, as a build does.
whole_flake() {
  nix --extra-experimental-features 'nix-command flakes' eval --json --show-trace \
    --no-update-lock-file --apply "$(cat "$work/question.nix")" \
    "path:$work/flake#$ATTRIBUTE"
}

# by_directories: by inputs that lie on this machine, without flakes.
by_directories() {
  nix-instantiate --eval --strict --json --show-trace "$work/question.nix"
}

main() {
  command -v "$PROGRAM" >/dev/null 2>&1 || {
    echo "homelab: $PROGRAM is not on PATH" >&2
    exit 127
  }
  work=$(mktemp -d)
  work=$(cd "$work" && pwd -P)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/flake"
  echo "homelab: the tree is $work/flake" >&2
  files    # made by scripts.py: one mkdir, then one put per file
  question # likewise: the expression, as question.nix
  # Nix's collector keeps to this, and ends with an error of its own where it cannot.
  export GC_MAXIMUM_HEAP_SIZE=$((MEMORY_MIB * 1024 * 1024))
  "$HOW"
}

main </dev/null
