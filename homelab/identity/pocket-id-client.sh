# shellcheck shell=bash
# Register oauth2-proxy as a client of Pocket ID, with a callback URL for each protected name.
# Arguments: the client as JSON, Pocket ID's address, the file with its API key, the file with the
# cookie secret of oauth2-proxy, the environment file that oauth2-proxy reads, the functions.

client=$1 address=$2 key=$3 cookie=$4 into=$5 functions=$6
# shellcheck disable=SC1090 # the functions are a file of their own on hosts
. "$functions"
: "${address:?}" "${key:?}" "${answer:?}"
id=$(jq -r .id "$client")
status=$(api GET "/api/oidc/clients/$id") || later "Pocket ID does not answer yet"
case $status in
  200) status=$(api PUT "/api/oidc/clients/$id" "@$client") ;;
  404)
    status=$(api POST /api/oidc/clients "@$client")
    # A secret from an earlier Pocket ID database is not valid here.
    rm -f "$into"
    ;;
esac
accept "$status" "the registration of oauth2-proxy"

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
