# shellcheck shell=bash
# Keep the owner and the OpenID Connect clients of Pocket ID as the stack describes them.
# Arguments: the description as JSON, Pocket ID's address, the file with its API key, its database,
# the directory of this script's records, the functions.
#
# The secret of a client is the app's. Pocket ID stores only a hash of it. Releases with an API for
# several secrets (2.14) accept a given one; earlier ones only make their own, so there the hash is
# written into the database, where their API would write it.
#
# Records: ID.secret has the SHA-256 of a client's secret and, for earlier releases, its hash;
# a secret with another SHA-256 is a new one. `owner` says that this script made the owner.

spec=$1 address=$2 key=$3 database=$4 records=$5 functions=$6
# shellcheck disable=SC1090 # the functions are a file of their own on hosts
. "$functions"
: "${address:?}" "${key:?}" "${answer:?}"
first=$records/first-sign-in

# The functions below set `found`, because in a subshell `later` would end only that.

# The id of the one object of a list whose key has exactly this value; empty if there is none.
find() { # find PATH KEY VALUE
  local status
  status=$(api GET "$1?search=$3&pagination%5Blimit%5D=100") || later "Pocket ID does not answer"
  accept "$status" "$1"
  found=$(jq -r --arg key "$2" --arg value "$3" \
    '[.data[] | select(.[$key] == $value) | .id][0] // empty' "$answer")
}

# The first visitor becomes the administrator unless there is a user.
owner() {
  local status name
  name=$(jq -r '.owner.username // empty' "$spec")
  [ -n "$name" ] || return 0
  # This starts together with Pocket ID, so that no visitor is faster.
  status=$(curl -sS -o "$answer" -w '%{http_code}' --max-time 20 --retry 20 --retry-delay 1 \
    --retry-connrefused "$address/api/signup/setup" 2>/dev/null) || later "Pocket ID does not answer yet"
  if [ "$status" = 204 ]; then
    status=$(api POST /api/users "$(jq -c .owner "$spec")") || later "Pocket ID does not answer"
    accept "$status" "the first user"
    touch "$records/owner"
    rm -f "$first"
  fi
  find /api/users username "$name"
  if [ -z "$found" ]; then
    printf 'homelab: Pocket ID has an administrator who is not %s: look who it is\n' "$name" >&2
    return 0
  fi
  if [ -e "$records/owner" ] && [ ! -e "$first" ]; then
    status=$(api POST "/api/users/$found/one-time-access-token" '{"ttl":"168h"}') ||
      later "Pocket ID does not answer"
    accept "$status" "the first sign-in of $name"
    printf '%s/lc/%s\n' "$(jq -r .portal "$spec")" "$(jq -er .token "$answer")" >"$first.new"
    mv -f "$first.new" "$first"
  fi
}

# The id of a group, which is created if it does not exist.
group() { # group NAME
  local status
  find /api/user-groups name "$1"
  if [ -z "$found" ]; then
    status=$(api POST /api/user-groups "$(jq -cn --arg n "$1" '{name: $n, friendlyName: $n}')") ||
      later "Pocket ID does not answer"
    accept "$status" "the group $1"
    found=$(jq -er .id "$answer")
  fi
}

client() { # client JSON
  local status id name groups=()
  id=$(jq -r .client.id <<<"$1")
  status=$(api GET "/api/oidc/clients/$id") || later "Pocket ID does not answer yet"
  case $status in
    200) status=$(api PUT "/api/oidc/clients/$id" "$(jq -c .client <<<"$1")") ;;
    404) status=$(api POST /api/oidc/clients "$(jq -c .client <<<"$1")") ;;
  esac
  accept "$status" "the client $id"
  while read -r name; do
    group "$name"
    groups+=("$found")
  done < <(jq -r '.groups[]' <<<"$1")
  status=$(api PUT "/api/oidc/clients/$id/allowed-user-groups" \
    "$(jq -cn '{userGroupIds: $ARGS.positional}' --args "${groups[@]}")") || later "Pocket ID does not answer"
  accept "$status" "the groups of the client $id"
  secret "$id" "$(jq -r .secret <<<"$1")"
}

secret() { # secret ID FILE
  local status sum record=$records/$1.secret known='' hash=''
  [ -n "$2" ] || return 0
  sum=$(sha256sum <"$2" | cut -d ' ' -f 1)
  if [ -e "$record" ]; then
    read -r known hash <"$record" || true
  fi
  [ "$known" = "$sum" ] || hash=''
  status=$(api GET "/api/oidc/clients/$1/secrets") || later "Pocket ID does not answer"
  case $status in
    2*) by_api "$1" "$2" "$hash" ;;
    404) by_hash "$1" "$2" "$hash" ;;
    *) accept "$status" "the secrets of the client $1" ;;
  esac
  printf '%s %s\n' "$sum" "$hash" >"$record.new"
  mv -f "$record.new" "$record"
}

# `hash` becomes the id of the secret at Pocket ID.
by_api() { # by_api ID FILE KNOWN
  local status others other
  mapfile -t others < <(jq -r --arg id "$3" '.[] | select(.id != $id) | .id' "$answer")
  hash=$(jq -r --arg id "$3" '.[] | select(.id == $id) | .id' "$answer")
  if [ -z "$hash" ]; then
    jq -Rn '{secret: input}' <"$2" >"$records/body"
    status=$(api POST "/api/oidc/clients/$1/secrets" "@$records/body") || status=000
    rm -f "$records/body"
    accept "$status" "the secret of the client $1"
    hash=$(jq -er .id "$answer")
  fi
  for other in "${others[@]}"; do
    status=$(api DELETE "/api/oidc/clients/$1/secrets/$other") || later "Pocket ID does not answer"
    accept "$status" "an old secret of the client $1"
  done
}

# `hash` becomes the bcrypt hash in Pocket ID's database.
by_hash() { # by_hash ID FILE KNOWN
  local stored
  [ -e "$database" ] || later "Pocket ID has no database at $database"
  if [ -z "$3" ]; then
    hash=$(mkpasswd -m bcrypt -R 10 -s <"$2")
  fi
  # Both are written into SQL below.
  [[ $1 =~ ^[A-Za-z0-9._-]+$ && $hash =~ ^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$ ]] ||
    later "the secret of the client $1 has no hash"
  stored=$(sqlite3 -cmd '.timeout 10000' "$database" "SELECT secret FROM oidc_clients WHERE id = '$1'")
  if [ "$stored" != "$hash" ]; then
    sqlite3 -cmd '.timeout 10000' "$database" \
      "UPDATE oidc_clients SET secret = '$hash' WHERE id = '$1'"
  fi
}

owner
while read -r one; do
  client "$one"
done < <(jq -c '.clients[]' "$spec")
