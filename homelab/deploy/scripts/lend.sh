# shellcheck shell=bash
# Passwords of binary caches, for a build on a machine that does not have them yet.

# lend DIRECTORY…: keep the passwords of binary caches in a file for this script, in the first of the
# directories that takes it: `$lent/netrc`. `lent` stays empty without passwords; who calls this
# removes it when the script ends. Nix reads one such file, so it has this machine's own passwords too.
lent=''
lend() {
  local place own
  [ -n "${NETRC_TEXT:-}" ] || return 0
  for place; do
    lent=$(mktemp -d "$place/homelab-netrc.XXXXXX" 2>/dev/null) && break
  done
  [ -n "$lent" ] || fail "no directory takes the passwords of caches ($*); make one of them writable"
  own=$(nix --extra-experimental-features nix-command show-config 2>/dev/null | sed -n 's/^netrc-file = //p') || true
  (
    umask 077
    printf '%s\n' "$NETRC_TEXT" >"$lent/netrc"
    cat "${own:-$root/etc/nix/netrc}" >>"$lent/netrc" 2>/dev/null || true
  )
}
