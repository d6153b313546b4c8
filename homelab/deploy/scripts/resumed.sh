# shellcheck shell=bash
# Resume a deployment after its restart, for a client that found no supervisor.

main() {
  deployment=$state/deployments/$DEPLOYMENT_ID
  [ -e "$deployment/resume.sh" ] || fail "$deployment: no such deployment"
  bash "$deployment/resume.sh"
}

main </dev/null
