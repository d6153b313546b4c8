# shellcheck shell=bash
# Clean up a host that runs its retired release: remove everything of earlier releases. Data stays.

main() {
  local result path name
  take_lock "retiring $HOST"
  settled "homelab unlock $HOST"
  name=$(current)
  [ "$name" = "$RELEASE" ] ||
    fail "$HOST runs ${name:-no release of homelab}, not its retired release $RELEASE; run pulumi up first"
  result=$(readlink -f "$state/releases/$RELEASE/result" || true)
  for path in "$running" "$profile"; do
    [ "$(readlink -f "$path")" = "$result" ] ||
      fail "$path is $(readlink -f "$path"), not the committed release; homelab rollback $HOST --to current, then run again"
  done

  drop "$state/before" # no rollback to an earlier release is possible from here on
  for path in "$state"/secrets/* "$state"/secrets/.next.*; do
    name=${path##*/}
    [ "${name#.next.}" = "$RELEASE" ] || drop "$path"
  done
  prune_sets
  # The links that units read; a system that places no secrets has no such units.
  places_secrets "$result" || drop "$root/run/homelab/secrets"
  for path in "$state"/releases/* "$state"/releases/.??*; do
    [ "${path##*/}" = "$RELEASE" ] || drop "$path"
  done
  for deployment in "$state"/deployments/*; do
    [ "$(fact release)" = "$RELEASE" ] || drop "$deployment"
  done
  [ -n "$found" ] || say "no earlier release is left"
}

main </dev/null
