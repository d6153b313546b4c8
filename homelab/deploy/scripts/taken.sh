# shellcheck shell=bash
# The host got a release directly, so bundles made before it are stale.

main() {
  take_lock "noting which bundles are stale"
  write "$state/taken" "$MADE"
}

main </dev/null
