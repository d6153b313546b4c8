# shellcheck shell=bash
# Ask for the rollback of a deployment that nobody supervises any more: of this one, or of whichever is
# open. It runs detached.

main() {
  local open
  # Under the lock, so that a deployment which is just being started is not taken for a dead one.
  take_lock "abandoning deployment $DEPLOYMENT_ID"
  open=$(open_attempt)
  if supervised || [ -z "$open" ] || [ "${DEPLOYMENT_ID:-$open}" != "$open" ]; then return; fi
  deployment=$state/deployments/$open
  go_back "abandoned: its client or this host stopped half-way"
}

main </dev/null
