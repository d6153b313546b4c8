# shellcheck shell=bash
# Print those of the store paths that a store of this machine lacks.

main() {
  local paths
  mapfile -t paths <<<"$PATHS"
  nix-store ${STORE:+--store "$root$STORE"} --check-validity --print-invalid "${paths[@]}"
}

main </dev/null
