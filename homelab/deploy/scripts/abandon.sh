# shellcheck shell=bash
# Start the rollback of a deployment without a supervisor: of DEPLOYMENT_ID, or of the open one.
# The rollback runs detached.

main() {
  local open
  # Under the lock, so that a deployment that is just starting does not look abandoned.
  take_lock "abandoning deployment $DEPLOYMENT_ID"
  open=$(open_deployment)
  if supervised || [ -z "$open" ] || [ "${DEPLOYMENT_ID:-$open}" != "$open" ]; then return; fi
  deployment=$state/deployments/$open
  go_back "abandoned: its client or this host stopped before it ended"
}

main </dev/null
