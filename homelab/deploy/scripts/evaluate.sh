# shellcheck shell=bash
# Evaluate one host's tree with this machine's Nix, and leave nothing behind.
# The answer is JSON on standard output; what Nix prints goes to standard error.

# put PATH: write standard input to the file, exactly.
put() { cat >"$work/flake/$1"; }

# put_bare PATH BYTES: the same without the newline that a here-document adds.
put_bare() { head -c "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a here-document cannot hold.
put_base64() { base64 -d >"$work/flake/$1"; }

# whole_flake: with the flake's own lock, in pure mode, as a build does.
whole_flake() {
  nix --extra-experimental-features 'nix-command flakes' eval --json --show-trace \
    --no-update-lock-file --apply "$(cat "$work/question.nix")" \
    "path:$work/flake#$ATTRIBUTE"
}

# by_directories: with inputs from directories of this machine, without flakes.
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
  question # made by scripts.py: the expression, as question.nix
  # Nix's garbage collector reads this limit, and fails with its own error when it is reached.
  export GC_MAXIMUM_HEAP_SIZE=$((MEMORY_MIB * 1024 * 1024))
  "$HOW"
}

main </dev/null
