# shellcheck shell=bash
# What retiring and forgetting a host share. Nothing here touches a system, its profile or a
# directory that is not ours; without YES it only says what would go.

found=''

# settled WAY: a switch under way needs everything that is about to go.
settled() {
  local open
  open=$(open_attempt)
  deployment=$state/deployments/$open
  ! supervised || fail "a switch of this host is under way; it ends by itself: wait for that, then run again"
  [ -z "$open" ] || fail "deployment $open was left half-way as $(fact phase); $1, then run again"
}

# drop PATH…: remove what is there, each in one step: half a release must never look like a whole
# one. With `result` goes a release's garbage-collection root, for Nix follows that link.
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
    if [ "$path" != "$gone" ]; then # what an earlier run left half-way
      rm -rf "$gone"
      mv "$path" "$gone"
    fi
    rm -rf "$gone"
    say "removed $path"
  done
}

# places_secrets SYSTEM: whether it takes secrets from us when it is activated, as at each boot.
places_secrets() { grep -qs 'Activation script snippet homelab-secrets' "$1/activate"; }
