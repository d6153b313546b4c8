# shellcheck shell=bash
# Shared by retire.sh and forget.sh. Nothing here touches a system, its profile or a directory that
# homelab did not make; without YES it only lists what it would remove.

found=''

# settled WAY_OUT: fails while a deployment is open, which needs the files that are to be removed.
settled() {
  local open
  open=$(open_deployment)
  [ -n "$open" ] || return 0
  deployment=$state/deployments/$open
  ! supervised || fail "a switch of this host is in progress; wait until it ends, then run again"
  fail "deployment $open stopped while $(fact phase); $1, then run again"
}

# drop PATH…: remove the paths that exist, each by a rename first: a half-deleted release must never
# look complete. Removing a release also removes its garbage-collection root, the `result` link.
drop() {
  local path gone
  for path in "$@"; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    found=yes
    if [ -z "$YES" ]; then
      say "would remove $path"
      continue
    fi
    gone=${path%/*}/.leaving
    if [ "$path" != "$gone" ]; then # an interrupted earlier run leaves this one
      rm -rf "$gone"
      mv "$path" "$gone"
    fi
    rm -rf "$gone"
    say "removed $path"
  done
}

# places_secrets SYSTEM: whether its activation, which also runs at each boot, reads our secrets.
places_secrets() { grep -qs 'Activation script snippet homelab-secrets' "$1/activate"; }
