# shellcheck shell=bash
# Build a staged release; its `result` link is also the garbage-collection root.

# wake_builder COMMAND ADDRESS PORT: wake the builder, which may be off.
# If it does not answer, the build goes on: Nix then builds here.
wake_builder() {
  local try
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if nc -z -w 5 "$2" "$3" 2>/dev/null || ! "$1" >&2; then return; fi
    [ "$try" = 12 ] || sleep 10
  done
  say "$2 does not answer after being woken; Nix may build here instead"
}

# rebuild ACTION FLAG…: run nixos-rebuild; its output goes to the log.
rebuild() {
  local action=$1
  shift
  nixos-rebuild "$action" --flake "$release/flake#$HOST" --no-update-lock-file "$@" >log 2>&1 || {
    # Pulumi hangs on a line longer than 64 KiB.
    tail -n 60 log | cut -b 1-2000 >&2
    fail "$release/log: nixos-rebuild $action failed for $HOST (last lines above); fix the cause, then run again"
  }
}

main() {
  local release=$state/releases/$RELEASE
  take_lock "building release $RELEASE"
  [ -d "$release/flake" ] ||
    fail "$release: release $RELEASE is not staged here; run pulumi up, which stages it first"
  cd "$release" || exit
  stay_awake
  # Before the first switch, nix.conf does not name the file yet, and the deployer lends its content.
  if [ -n "$NETRC" ] && [ -r "$NETRC" ]; then
    set -- "$@" --option netrc-file "$NETRC"
  else
    trap 'rm -rf "$lent"' EXIT
    lend "$root/run"
    [ -z "$lent" ] || set -- "$@" --option netrc-file "$lent/netrc"
  fi
  if [ ! -x result/bin/switch-to-configuration ]; then
    [ -z "${COPIED:-}" ] || fail "$release: the system was built elsewhere and is no longer here; run pulumi up again"
    # shellcheck disable=SC2086 # three words
    [ -z "$WAKE_BUILDER" ] || wake_builder $WAKE_BUILDER
    if [ -n "$DRY_RUN" ]; then
      rebuild dry-build "$@"
      sed -n -E 's/^((this|these) .*will be (built|fetched).*):$/\1/p' log
    fi
    rebuild build "$@"
    # Nix does not sync. A release that counts as built must survive a power cut.
    flush_all "$root/nix/store"
    flush "$release"
  fi
  say "built $(readlink -f result)"
  # The preflight runs here because every host builds before any host switches.
  preflight "$(readlink -f result)" || fail "the preflight of $HOST failed; no host was changed"
  if printf '%s' "$notes" >notes; then readlink -f "$running" >noted || true; fi
}

main "$@" </dev/null
