# shellcheck shell=bash
# Functions that write a tree below $work/flake, and the directory of it.

# put PATH TEXT: write exactly this text to the file.
put() { printf '%s' "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a shell would change; base64 comes on standard input.
put_base64() { base64 -d >"$work/flake/$1"; }

# need_program NAME: it is on PATH, or this exits with 127.
need_program() {
  command -v "$1" >/dev/null 2>&1 || {
    echo "homelab: $1 is not on PATH" >&2
    exit 127
  }
}

# new_tree: $work/flake, in a new directory that is removed at the end.
new_tree() {
  work=$(mktemp -d)
  work=$(cd "$work" && pwd -P)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/flake"
}
