# shellcheck shell=bash
# Let Nix complete the lock file of a flake, and print it. Leaves nothing behind but what Nix fetched.

main() {
  need_program nix
  new_tree
  files # made by scripts.py: flake.nix, and the part of flake.lock that stays
  nix --extra-experimental-features 'nix-command flakes' flake lock "path:$work/flake" >&2
  cat "$work/flake/flake.lock"
}

main </dev/null
