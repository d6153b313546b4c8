# shellcheck shell=bash
# Ask for the rollback of an attempt that nobody supervises any more; it runs detached.

main() {
  attempt=$state/attempts/$NONCE
  # Under the lock, so that an attempt which is just being started is not taken for a dead one.
  take_lock "abandoning attempt $NONCE"
  if supervised || [ "$(open_attempt)" != "$NONCE" ]; then return; fi
  go_back "abandoned: its client or this host stopped half-way"
}

main </dev/null
