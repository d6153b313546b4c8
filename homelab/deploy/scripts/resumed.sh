# shellcheck shell=bash
# Go on with a deployment after its restart, for a client that found nobody doing so.

main() {
  deployment=$state/deployments/$DEPLOYMENT_ID
  [ -e "$deployment/resume.sh" ] || fail "$deployment: there is no such deployment here"
  bash "$deployment/resume.sh"
}

main </dev/null
