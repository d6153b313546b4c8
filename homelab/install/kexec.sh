# shellcheck shell=bash
# Start an installer from memory, in place of the running system. The tarball is one of
# nix-community/nixos-images: its program `kexec/run` carries the SSH keys over.

main() {
  local place
  alone
  # Not in /run: the tarball may be larger than that.
  place=$(mktemp -d "$root/root/homelab-kexec.XXXXXX")
  if [ -n "$URL" ]; then
    if command -v curl >/dev/null; then
      curl --fail --silent --show-error --location "$URL"
    else
      wget --quiet --output-document=- "$URL"
    fi >"$place/kexec.tar" || fail "$URL cannot be fetched from this machine; fetch it yourself, and name the file: --kexec FILE"
  else
    cat >"$place/kexec.tar"
  fi
  # tar finds the kind of compression of a file by itself.
  tar -C "$place" -xf "$place/kexec.tar" || fail "the kexec tarball cannot be unpacked; use one of https://github.com/nix-community/nixos-images"
  rm "$place/kexec.tar"
  [ -x "$place/kexec/run" ] || fail "the tarball has no program kexec/run; use one of https://github.com/nix-community/nixos-images"
  TMPDIR=$place "$place/kexec/run" >"$place/log" 2>&1 </dev/null || {
    tail -n 20 "$place/log" >&2
    fail "kexec failed (last lines above)"
  }
}

main
