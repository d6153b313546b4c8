# shellcheck shell=bash
# Functions for Pocket ID's API. The sourcing script sets `address` and `key`, the file with the API
# key.
#
# A wrong API key is a message and not a failure: in some releases it can only be created in Pocket
# ID's settings, after the deployment. A timer runs the scripts again.

: "${address:?}" "${key:?}"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The status of one request. The key is passed on standard input: other users can read arguments.
api() { # api METHOD PATH [BODY]
  local body=() value
  value=$(cat "$key")
  # Escaped as a quoted value of a curl config file.
  value=${value//\\/\\\\}
  value=${value//\"/\\\"}
  if [ -n "${3:-}" ]; then
    body=(-H 'Content-Type: application/json' --data-binary "$3")
  fi
  printf 'header = "X-API-KEY: %s"\n' "$value" |
    curl -sS -K - -o "$answer" -w '%{http_code}' --max-time 20 -X "$1" "${body[@]}" "$address$2"
}

later() {
  printf 'homelab: %s; retried in five minutes\n' "$1" >&2
  exit 0
}

# Ends the script if the last status is not the expected one.
accept() { # accept STATUS WHAT
  case $1 in
    2*) ;;
    401 | 403) later "Pocket ID refuses its API key: create one in its settings as administrator" ;;
    *) later "Pocket ID answers $1 to $2" ;;
  esac
}

[ -s "$key" ] || later "there is no key to Pocket ID's API yet"
