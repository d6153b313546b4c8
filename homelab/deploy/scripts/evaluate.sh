# shellcheck shell=bash
# Evaluate one host's tree with this machine's Nix, and leave nothing behind.
# The answer is JSON on standard output; what Nix prints goes to standard error.

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
  need_program "$PROGRAM"
  new_tree
  echo "homelab: the tree is $work/flake" >&2
  files    # made by scripts.py: one mkdir, then one put per file
  question # made by scripts.py: the expression, as question.nix
  # Nix's garbage collector reads this limit, and fails with its own error when it is reached.
  export GC_MAXIMUM_HEAP_SIZE=$((MEMORY_MIB * 1024 * 1024))
  "$HOW"
}

main </dev/null
