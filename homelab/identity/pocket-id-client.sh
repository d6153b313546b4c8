# shellcheck shell=bash
# Make the gate known to Pocket ID, with an address to come back to for each name that it guards.
# Sourced with: the client as JSON, Pocket ID's address, the file with the key to its API, the
# file with the gate's cookie secret, the file that the gate reads.
#
# A key that does not work is a message and no failure: it can be made in Pocket ID's own settings
# alone, after this has been deployed, and a timer asks again.

client=$1 address=$2 key=$3 cookie=$4 into=$5
id=$(jq -r .id "$client")
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The status of one request; the key goes by standard input, for arguments can be seen by anyone.
api() { # api METHOD PATH [BODY]
  local body=() told
  told=$(cat "$key")
  # As curl reads a quoted word.
  told=${told//\\/\\\\}
  told=${told//\"/\\\"}
  if [ -n "${3:-}" ]; then
    body=(-H 'Content-Type: application/json' --data-binary "$3")
  fi
  printf 'header = "X-API-KEY: %s"\n' "$told" |
    curl -sS -K - -o "$answer" -w '%{http_code}' --max-time 20 -X "$1" "${body[@]}" "$address$2"
}

later() {
  printf 'homelab: %s; asked again in five minutes\n' "$1" >&2
  exit 0
}

[ -s "$key" ] || later "there is no key to Pocket ID's API yet"
status=$(api GET "/api/oidc/clients/$id") || later "Pocket ID does not answer yet"
case $status in
  200) status=$(api PUT "/api/oidc/clients/$id" "@$client") ;;
  404)
    status=$(api POST /api/oidc/clients "@$client")
    # What an earlier Pocket ID gave is worth nothing to this one.
    rm -f "$into"
    ;;
  401 | 403) later "Pocket ID refuses its API key: make one in its settings, as an administrator" ;;
esac
case $status in
  2*) ;;
  *) later "Pocket ID answers $status to the gate's registration" ;;
esac

secret=$(sed -n 's/^OAUTH2_PROXY_CLIENT_SECRET=//p' "$into" 2>/dev/null) || true
if [ -z "$secret" ]; then
  # Older ones know a single secret, by another path.
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
