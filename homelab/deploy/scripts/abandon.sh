# shellcheck shell=bash
# Ask for the rollback of an attempt that nobody supervises any more: of this one, or of whichever is
# open. It runs detached.

main() {
  local open
  # Under the lock, so that an attempt which is just being started is not taken for a dead one.
  take_lock "abandoning attempt $NONCE"
  open=$(open_attempt)
  if supervised || [ -z "$open" ] || [ "${NONCE:-$open}" != "$open" ]; then return; fi
  attempt=$state/attempts/$open
  go_back "abandoned: its client or this host stopped half-way"
}

main </dev/null
