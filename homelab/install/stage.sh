# shellcheck shell=bash
# Write the tree of the first system to memory.

# put PATH TEXT: write exactly this text to the file.
put() { printf '%s' "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a shell would change; base64 comes on standard input.
put_base64() { base64 -d >"$work/flake/$1"; }

main() {
  alone
  rm -rf "$work/flake"
  mkdir "$work/flake"
  files # made by scripts.py: one mkdir, then one put per file
}

main </dev/null
