# shellcheck shell=bash
# Keep the people and groups of the stack in LLDAP; other people, other groups and what people
# changed about themselves stay unchanged.
# Arguments: the description as JSON, LLDAP's address, its LDAP address, the file with the password
# of its administrator, the file with the password of the portal, the file with the owner's first
# password, the directory of this script's records.

spec=$1 address=$2 ldap=$3 admin=$4 portal=$5 first=$6 records=$7
base=$(jq -r .base "$spec")
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# Passwords and the token are passed on standard input: other users can read arguments.
ask() { # ask PATH; the body on standard input
  curl -sS --fail-with-body -o "$answer" --max-time 20 -H 'Content-Type: application/json' \
    --data-binary @- "$@"
}

# One request to the API; its variables are JSON. The answer is in $answer.
graphql() { # graphql QUERY VARIABLES
  jq -n --arg query "$1" --argjson variables "$2" '{query: $query, variables: $variables}' |
    ask "$address/api/graphql" -H @<(printf 'Authorization: Bearer %s\n' "$token")
  if jq -e .errors "$answer" >/dev/null; then
    jq -r '"homelab: LLDAP: \(.errors[].message)"' "$answer" >&2
    exit 1
  fi
}

password() { # password USER FILE: set it
  ldappasswd -x -H "$ldap" -D "uid=admin,ou=people,$base" -y "$admin" -T "$2" "uid=$1,ou=people,$base"
}

valid() { # valid USER FILE: whether it is the password
  ldapwhoami -x -H "$ldap" -D "uid=$1,ou=people,$base" -y "$2" >/dev/null 2>&1
}

# LLDAP answers a moment after systemd reports it as started.
for _ in $(seq 30); do
  jq -n --rawfile password "$admin" '{username: "admin", password: $password}' |
    ask "$address/auth/simple/login" 2>/dev/null && break
  sleep 1
done
token=$(jq -er .token "$answer") || {
  echo "homelab: LLDAP does not accept the password of its administrator" >&2
  exit 1
}

graphql '{ users { id } groups { id displayName users { id } } }' '{}'
mapfile -t people < <(jq -r '.data.users[].id' "$answer")
declare -A groups inside
while IFS=$'\t' read -r id name; do
  groups[$name]=$id
done < <(jq -r '.data.groups[] | [.id, .displayName] | @tsv' "$answer")
while IFS=$'\t' read -r name user; do
  inside[$name/$user]=1
done < <(jq -r '.data.groups[] | .displayName as $name | .users[] | [$name, .id] | @tsv' "$answer")

has() { # has WORD WORDS…
  local word
  for word in "${@:2}"; do
    [ "$word" != "$1" ] || return 0
  done
  return 1
}

join() { # join GROUP USER
  [ -z "${inside[$1/$2]:-}" ] || return 0
  # shellcheck disable=SC2016 # variables of GraphQL
  graphql 'mutation($user: String!, $group: Int!) { addUserToGroup(userId: $user, groupId: $group) { ok } }' \
    "$(jq -n --arg user "$2" --argjson group "${groups[$1]}" '$ARGS.named')"
  inside[$1/$2]=1
}

leave() { # leave GROUP USER
  # shellcheck disable=SC2016 # variables of GraphQL
  graphql 'mutation($user: String!, $group: Int!) { removeUserFromGroup(userId: $user, groupId: $group) { ok } }' \
    "$(jq -n --arg user "$2" --argjson group "${groups[$1]}" '$ARGS.named')"
}

owner=$(jq -r .owner "$spec")
while read -r user; do
  id=$(jq -r .id <<<"$user")
  has "$id" "${people[@]}" && continue
  # If this ends before the password is set, the next run sets it.
  [ "$id" != "$owner" ] || touch "$records/owner-without-password"
  # shellcheck disable=SC2016 # variables of GraphQL
  graphql 'mutation($user: CreateUserInput!) { createUser(user: $user) { id } }' \
    "$(jq '{user: .}' <<<"$user")"
done < <(jq -c '.people[]' "$spec")

while read -r name; do
  [ -z "${groups[$name]:-}" ] || continue
  # shellcheck disable=SC2016 # variables of GraphQL
  graphql 'mutation($name: String!) { createGroup(name: $name) { id } }' \
    "$(jq -n --arg name "$name" '$ARGS.named')"
  groups[$name]=$(jq -er .data.createGroup.id "$answer")
  join "$name" "$owner"
done < <(jq -r '.groups[]' "$spec")

# The groups whose members the stack lists have exactly these.
while IFS=$'\t' read -r name user; do
  join "$name" "$user"
done < <(jq -r '.members | to_entries[] | .key as $name | .value[] | [$name, .] | @tsv' "$spec")
for pair in "${!inside[@]}"; do
  if jq -e --arg name "${pair%%/*}" --arg user "${pair#*/}" \
    '.members[$name] | . != null and (index($user) | not)' "$spec" >/dev/null; then
    leave "${pair%%/*}" "${pair#*/}"
  fi
done

# The portal sets passwords for people who forgot theirs.
join lldap_password_manager "$(jq -r .portal "$spec")"
valid "$(jq -r .portal "$spec")" "$portal" || password "$(jq -r .portal "$spec")" "$portal"
if [ -e "$records/owner-without-password" ]; then
  password "$owner" "$first"
  rm -f "$records/owner-without-password"
fi
