# shellcheck shell=bash
# Build a system for another machine, here, and hand its store paths on. Changes nothing but the Nix
# store; links in the cache directory keep the results until the next build.

# put PATH TEXT: write exactly this text to the file.
put() { printf '%s' "$2" >"$work/flake/$1"; }

# put_base64 PATH: the same for bytes that a shell would change; base64 comes on standard input.
put_base64() { base64 -d >"$work/flake/$1"; }

# build ATTRIBUTE OPTION…
build() {
  local attribute=$1
  shift
  nix --extra-experimental-features 'nix-command flakes' build --no-update-lock-file "$@" \
    "path:$work/flake#$attribute"
}

# built NAME ATTRIBUTE OPTION…: build it, and print its path.
built() {
  local name=$1 attribute=$2
  shift 2
  if [ -n "$DRY_RUN" ]; then
    build "$attribute" --dry-run "$@" 2>"$work/foreseen" || {
      cat "$work/foreseen" >&2
      return 1
    }
    sed -n -E 's/^((this|these) .*will be (built|fetched).*):$/note \1/p' "$work/foreseen"
  fi
  build "$attribute" --out-link "$links/$name" "$@" >&2
  printf '%s %s\n' "$name" "$(readlink "$links/$name")"
}

# build_all OPTION…: print a line for the system, and before it one for disko's script if PLATFORM says
# for which machine.
build_all() {
  command -v nix >/dev/null || fail "there is no nix on the PATH here; $INSTEAD"
  links=${XDG_CACHE_HOME:-$HOME/.cache}/$PLACE/$HOST
  mkdir -p "$links"
  work=$(mktemp -d)
  trap 'rm -rf "$work" "$lent"' EXIT
  # In memory, where there is such a directory for this user.
  lend "${XDG_RUNTIME_DIR:-/run}" /run "$work"
  [ -z "$lent" ] || set -- "$@" --option netrc-file "$lent/netrc"
  mkdir "$work/flake"
  files # made by scripts.py: one mkdir, then one put per file
  [ -z "$PLATFORM" ] || built disks "packages.$PLATFORM.disks" "$@"
  built system "nixosConfigurations.\"$HOST\".config.system.build.toplevel" "$@"
}

main() {
  case $DO in
    build) build_all "$@" ;;
    closure) nix-store --query --requisites "$WHAT" ;;
    export)
      set -f
      # shellcheck disable=SC2086 # one path is one word
      nix-store --export $WHAT
      ;;
  esac
}

main "$@" </dev/null
