# shellcheck shell=bash
# Build the first system for another machine, here, and hand its store paths on. Changes nothing but
# the Nix store; links in the cache directory keep the results until the next build.

# put PATH TEXT: write exactly this text to the file.
put() { printf '%s' "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a shell would change; base64 comes on standard input.
put_base64() { base64 -d >"$work/flake/$1"; }

# built NAME ATTRIBUTE: build it, and print its path.
built() {
  nix --extra-experimental-features 'nix-command flakes' build --no-update-lock-file \
    --out-link "$links/$1" "path:$work/flake#$2" >&2
  printf '%s %s\n' "$1" "$(readlink -f "$links/$1")"
}

# build_all: print a line for disko's script and one for the system.
build_all() {
  command -v nix >/dev/null || fail "there is no nix on the PATH here; build on the machine itself (--build target)"
  links=${XDG_CACHE_HOME:-$HOME/.cache}/homelab-install/$HOST
  mkdir -p "$links"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/flake"
  files # made by scripts.py: one mkdir, then one put per file
  built disks "packages.$PLATFORM.disks"
  built system "nixosConfigurations.\"$HOST\".config.system.build.toplevel"
}

main() {
  local paths
  case $DO in
    build) build_all ;;
    closure) nix-store --query --requisites "$WHAT" ;;
    export)
      mapfile -t paths <<<"$WHAT"
      nix-store --export "${paths[@]}"
      ;;
  esac
}

main </dev/null
