# shellcheck shell=bash
# Register oauth2-proxy as a client of Pocket ID, with a callback URL for each protected name.
# Arguments: the client as JSON, Pocket ID's address, the file with its API key, the file with the
# cookie secret of oauth2-proxy, the environment file that oauth2-proxy reads.
#
# A wrong API key is a message and not a failure: in some releases it can only be created in Pocket
# ID's settings, after the deployment. A timer runs this again.

client=$1 address=$2 key=$3 cookie=$4 into=$5
id=$(jq -r .id "$client")
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

[ -s "$key" ] || later "there is no key to Pocket ID's API yet"
status=$(api GET "/api/oidc/clients/$id") || later "Pocket ID does not answer yet"
case $status in
  200) status=$(api PUT "/api/oidc/clients/$id" "@$client") ;;
  404)
    status=$(api POST /api/oidc/clients "@$client")
    # A secret from an earlier Pocket ID database is not valid here.
    rm -f "$into"
    ;;
  401 | 403) later "Pocket ID refuses its API key: create one in its settings as administrator" ;;
esac
case $status in
  2*) ;;
  *) later "Pocket ID answers $status to the registration of oauth2-proxy" ;;
esac

secret=$(sed -n 's/^OAUTH2_PROXY_CLIENT_SECRET=//p' "$into" 2>/dev/null) || true
if [ -z "$secret" ]; then
  # Older releases have a single secret, at another path.
  status=$(api POST "/api/oidc/clients/$id/secrets" '{}') || true
  if [ "$status" = 404 ]; then
    status=$(api POST "/api/oidc/clients/$id/secret" '{}') || true
  fi
  secret=$(jq -er .secret "$answer") || later "Pocket ID answers $status and gives no secret"
fi
{ cat "$cookie" && printf 'OAUTH2_PROXY_CLIENT_SECRET=%s\n' "$secret"; } >"$into.new"
if cmp -s "$into.new" "$into"; then
  rm -f "$into.new"
else
  mv -f "$into.new" "$into"
  systemctl restart --no-block oauth2-proxy.service
fi
