# shellcheck shell=bash
# homelab-backrest: keeps the configuration of Backrest in step with the backup jobs of this host, and
# is the restic that Backrest runs. Runs as root.

set -euo pipefail
umask 077

config=${BACKREST_CONFIG:-/var/lib/backrest/config.json}

fail() {
  echo "homelab-backrest: $*" >&2
  exit 1
}

# restic WORD…: what Backrest asks of the repository that it names in HOMELAB_REPOSITORY. The command of
# the job has its place and its password.
restic() {
  local words=()
  case ${1:-} in
    '' | version) exec "$HOMELAB_RESTIC" "$@" ;;
    cat | check | diff | dump | find | list | ls | restore | snapshots | stats) ;;
    *) fail "homelab makes, keeps and removes snapshots: Backrest does not run restic $1" ;;
  esac
  [ -n "${HOMELAB_REPOSITORY:-}" ] || fail "this repository belongs to no backup job of homelab"
  while [ $# -gt 0 ]; do
    # The command of the job has its own, and restic takes it once.
    if [ "$1" = -o ] && [[ ${2:-} == sftp.args=* ]]; then
      shift 2
      continue
    fi
    words+=("$1")
    shift
  done
  exec "restic-$HOMELAB_REPOSITORY" "${words[@]}" --no-lock
}

# guid ID: the id of a repository; empty if it does not answer, or does not exist yet.
guid() {
  timeout "${HOMELAB_ASK_SECONDS:-20}" "restic-$1" cat config --no-lock --json 2>/dev/null |
    jq -r '.id // empty' 2>/dev/null || true
}

# hashed: the password as Backrest reads it. The salt follows from it, so that the text stays the same.
hashed() {
  local password salt
  password=$(<"$BACKREST_PASSWORD_FILE")
  salt=$(sha256sum <"$BACKREST_PASSWORD_FILE" | cut -c 1-21)
  mkpasswd --stdin --method=bcrypt --salt="$salt." <<<"$password" | tr -d '\n' | base64 --wrap=0
}

# known ID URI: the id of the repository in the present configuration.
known() {
  [ -s "$config" ] || return 0
  jq -r --arg id "$1" --arg uri "$2" \
    'first(.repos[]? | select(.id == $id and .uri == $uri) | .guid) // empty' "$config"
}

# configure [anew]: repositories and the user homelab; what people added on the pages stays. With `anew`,
# each repository is asked for its id. Prints `changed` if something has changed.
configure() {
  local id uri target found silent=' ' ours old new
  old='{}'
  [ ! -s "$config" ] || old=$(<"$config")
  ours=$(
    while IFS=$'\t' read -r id uri target; do
      found=$(known "$id" "$uri")
      if { [ -z "$found" ] || [ "${1:-}" = anew ]; } && [[ $silent != *" $target "* ]]; then
        local answer
        answer=$(guid "$id")
        [ -n "$answer" ] || silent+="$target "
        found=${answer:-$found}
      fi
      if [ -z "$found" ]; then
        echo "$id has no backup yet, or $target does not answer" >&2
        continue
      fi
      jq -n --arg id "$id" --arg uri "$uri" --arg guid "$found" '{
        id: $id, uri: $uri, guid: $guid, env: ["HOMELAB_REPOSITORY=" + $id],
        prunePolicy: {schedule: {disabled: true}}, checkPolicy: {schedule: {disabled: true}}
      }'
    done < <(jq -r '.[] | [.id, .uri, .target] | @tsv' "$HOMELAB_REPOSITORIES")
  )
  # Backrest 1.7 and later read version 4, and bring it up to date.
  new=$(
    jq -n --argjson old "$old" --slurpfile ours <(echo "$ours") --arg instance "$BACKREST_INSTANCE" \
      --arg hash "$(hashed)" '
        def mine: any(.env[]?; startswith("HOMELAB_REPOSITORY="));
        ($old.repos // []) as $before
        | $old
        | .version //= 4
        | .instance //= $instance
        | .repos = ([$before[] | select(mine | not)] + [
            $ours[] | . as $one | . + ([$before[] | select(.id == $one.id and .hooks) | {hooks}] | first // {})
          ] | sort_by(.id))
        | [.repos[].id] as $ids
        | .plans = [.plans[]? | select(.repo | IN($ids[]))]
        | .auth.disabled = false
        | .auth.users = ([.auth.users[]? | select(.name != "homelab")] + [{name: "homelab", passwordBcrypt: $hash}])
      '
  )
  if ! jq -ne --argjson old "$old" --argjson new "$new" '
    def compared: del(.modno) | .repos |= sort_by(.id) | .auth.users |= sort_by(.name);
    ($old | has("repos")) and ($old | .auth.disabled //= false | .plans //= [] | compared) == ($new | compared)
  ' >/dev/null; then
    mkdir -p "${config%/*}"
    jq '.modno = (.modno // 0) + 1' <<<"$new" >"$config.new"
    mv "$config.new" "$config"
    echo changed
  fi
}

# call METHOD: the API of Backrest, with the JSON of the input. The password is in no argument.
call() {
  local body
  body=$(cat)
  curl --silent --show-error --fail --max-time 20 --config - --json "$body" \
    "http://$BACKREST_ADDRESS/v1.Backrest/$1" \
    < <(printf 'user = "homelab:%s"\n' "$(<"$BACKREST_PASSWORD_FILE")")
}

# index: Backrest reads which snapshots there are.
index() {
  local id tries=0
  until curl --silent --fail --max-time 5 --output /dev/null "http://$BACKREST_ADDRESS/"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || fail "Backrest does not answer at $BACKREST_ADDRESS; see journalctl -u backrest"
    sleep 1
  done
  while IFS= read -r id; do
    jq -n --arg id "$id" '{repoId: $id, task: "TASK_INDEX_SNAPSHOTS"}' | call DoRepoTask >/dev/null ||
      echo "homelab-backrest: the snapshots of $id could not be read" >&2
  done < <(jq -r '.repos[]? | select(any(.env[]?; startswith("HOMELAB_REPOSITORY="))) | .id' "$config")
}

# refresh: new repositories and snapshots.
refresh() {
  systemctl is-active --quiet backrest.service || return 0
  if [ -n "$(configure anew)" ]; then
    systemctl try-restart backrest.service
  else
    index
  fi
}

usage='usage: homelab-backrest configure [anew] | index | refresh'
case ${1:-} in
  configure) [ $# -eq 1 ] || [ "$*" = "configure anew" ] || fail "$usage" ;;
  index | refresh) [ $# -eq 1 ] || fail "$usage" ;;
  restic) ;;
  *) fail "$usage" ;;
esac
"$@"
