# shellcheck shell=bash
# A release came another way: what was made to be fetched before that is stale.

main() {
  take_lock "noting which bundles are stale"
  write "$state/taken" "$MADE"
}

main </dev/null
