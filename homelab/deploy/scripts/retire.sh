# shellcheck shell=bash
# Clean a host that runs its retired release: what belonged to earlier ones goes. Data stays.

main() {
  local result path name
  take_lock "retiring $HOST"
  settled "homelab unlock $HOST"
  name=$(current)
  [ "$name" = "$RELEASE" ] ||
    fail "$HOST runs ${name:-no release of ours}, not $RELEASE, which is without services; run pulumi up first"
  result=$(readlink -f "$state/releases/$RELEASE/result" || true)
  for path in "$running" "$profile"; do
    [ "$(readlink -f "$path")" = "$result" ] ||
      fail "$path is $(readlink -f "$path"), not the release that was committed; homelab rollback $HOST --to current, then run again"
  done

  drop "$state/before" # there is nothing to go back to from here on
  for path in "$state"/secrets/* "$state"/secrets/.next.*; do
    name=${path##*/}
    [ "${name#.next.}" = "$RELEASE" ] || drop "$path"
  done
  prune_sets
  # Where units looked for them; after a switch to a system that places none nobody does.
  places_secrets "$result" || drop "$root/run/homelab/secrets"
  for path in "$state"/releases/* "$state"/releases/.??*; do
    [ "${path##*/}" = "$RELEASE" ] || drop "$path"
  done
  for deployment in "$state"/deployments/*; do
    [ "$(fact release)" = "$RELEASE" ] || drop "$deployment"
  done
  [ -n "$found" ] || say "nothing of earlier releases is left"
}

main </dev/null
