# shellcheck shell=bash
# Tell a service of the services that it connects to, by its own API. Only objects with the name that
# homelab gives them are changed; the settings of such an object that homelab does not know stay.
# Argument: what the service is told, as JSON. Keys are in $CREDENTIALS_DIRECTORY, by service.
#
# No key is ever an argument, because other users can read arguments.
# shellcheck disable=SC2016 # $ in programs of jq is a variable of jq.

data=$1
state=${STATE_DIRECTORY:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
service=$(jq -r .service "$data")
address=$(jq -r .address "$data")
failed=

keys=()
for file in "${CREDENTIALS_DIRECTORY:?}"/*; do
  keys+=(--rawfile "${file##*/}" "$file")
done

say() { printf 'homelab: %s: %s\n' "$service" "$1" >&2; }

# jq with every key in $ARGS.named, by service. No service has a name that begins with _.
with_keys() { jq "${keys[@]}" "$@"; }

# The status of one request; the answer is in $work/answer.
api() { # api METHOD PATH [FILE]
  local body=()
  if [ -n "${3:-}" ]; then
    body=(-H 'Content-Type: application/json' --data-binary "@$3")
  fi
  with_keys -nr --arg _self "$service" \
    '$ARGS.named[$_self] | rtrimstr("\n") | "header = " + ("X-Api-Key: " + . | tojson)' |
    curl -sS -K - -o "$work/answer" -w '%{http_code}' --max-time 60 -X "$1" "${body[@]}" \
      "$address$2" 2>"$work/error" || true
}

# What the API says about a refused request, without keys.
reasons() {
  with_keys -r --slurp '
    [$ARGS.named[] | rtrimstr("\n") | select(. != "")] as $secrets
    | [.. | objects | .errorMessage? // .message? // empty | strings] | .[:3] | join("; ")
    | reduce $secrets[] as $secret (.; split($secret) | join("…"))
  ' "$work/answer" 2>/dev/null || true
}

# Stop where no repetition helps before something else happens; the timer runs this again.
refused() { # refused STATUS WHAT
  case $1 in
    '' | 000) say "$2: no answer ($(head -c 200 "$work/error"))" ;;
    401) say "$2: it refuses its API key; it takes the key when it starts" ;;
    403)
      say "$2: nobody has set it up on its pages yet; it is asked again later"
      exit 0
      ;;
    *) say "$2: status $1: $(reasons)" ;;
  esac
  failed=yes
}

# wait_for URL: any answer means that the service runs.
wait_for() {
  local turn
  for ((turn = 0; turn < ${HOMELAB_TURNS:-60}; turn++)); do
    if curl -sS -o /dev/null --max-time 10 "$1" 2>/dev/null; then
      return 0
    fi
    sleep "${HOMELAB_PAUSE:-5}"
  done
  say "$1 does not answer"
  return 1
}

# tag PATH LABEL: the id of a tag, which is created if it is missing.
tag() { # The status of the last request is in the caller's variable.
  status=$(api GET "$1")
  [[ $status == 2* ]] || return 1
  if ! jq -e --arg text "$2" 'first(.[] | select(.["label"] == $text)) | .id' "$work/answer"; then
    jq -n --arg text "$2" '{"label": $text}' >"$work/tag"
    status=$(api POST "$1" "$work/tag")
    [[ $status == 2* ]] && jq -e .id "$work/answer"
  fi
}

# One object, the number in the list of wanted ones.
object() {
  local path by name digest label id status
  jq ".wanted[$1]" "$data" >"$work/fact"
  path=$(jq -r .path "$work/fact")
  by=$(jq -r .identified_by "$work/fact")
  name=$(jq -r --arg by "$by" '.body[$by]' "$work/fact")
  : >"$work/tags"
  while IFS= read -r label; do
    tag "${path%/*}/tag" "$label" >>"$work/tags" || {
      refused "$status" "tag $label"
      return
    }
  done < <(jq -r '.tags[]' "$work/fact")
  with_keys --slurpfile _tags "$work/tags" '
    $ARGS.named as $keys
    | walk(if type == "object" and has("$key") then $keys[."$key"] | rtrimstr("\n") else . end)
    | .tags = $_tags
  ' "$work/fact" >"$work/wanted"
  digest=$(sha256sum <"$work/wanted")
  status=$(api GET "$path")
  if [[ $status != 2* ]]; then
    refused "$status" "$path"
    return
  fi
  # The object as it is, and as it must be. A list of fields keeps the fields that are not wanted.
  jq --slurpfile wanted "$work/wanted" --arg by "$by" --arg name "$name" '
    $wanted[0] as $w
    | (first(.[] | select(.[$by] == $name)) // null) as $is
    | (($is // $w.initial) + $w.body
      + (if $w.tags == [] then {} else {tags: ((($is.tags // []) + $w.tags) | unique)} end)
      + (if $w.fields == {} then {} else
          ((if $is == null then $w.initial_fields else {} end) + $w.fields) as $set
          | {fields: ([($is.fields // [])[] | select(.name as $n | $set | has($n) | not)]
            + [$set | to_entries[] | {name: .key, value}])} end)) as $must
    # An app hides keys that it knows.
    | def plain: if .fields then .fields |= (map({key: .name, value}) | from_entries) else . end;
      def hidden($other): if . == "********" then $other else . end;
      ($is // {} | plain) as $a | ($must | plain) as $b
    | {is: $is, must: $must, same: (($is != null)
        and ($a | del(.fields)) == ($b | del(.fields))
        and all($b.fields // {} | to_entries[]; .value == (.key as $k | .value as $v
          | $a.fields[$k] | hidden($v))))}
  ' "$work/answer" >"$work/both"
  # Some apps refuse a key that they show themselves.
  jq --slurpfile wanted "$work/wanted" \
    '.must | delpaths([($wanted[0].omits // [])[] | [.]])' "$work/both" >"$work/must"
  if [ "$(jq -r '.is == null' "$work/both")" = true ]; then
    status=$(api POST "$path" "$work/must")
    [[ $status == 2* ]] || {
      refused "$status" "$name is not added to $path"
      return
    }
    say "$name is added to $path"
  elif [ "$(jq -r .same "$work/both")" != true ] || [ "$digest" != "$(cat "$state/$1" 2>/dev/null)" ]; then
    id=$(jq -r .is.id "$work/both")
    if [ "$by" = path ]; then
      # The path is all that homelab knows of it, and it is there.
      :
    else
      status=$(api PUT "$path/$id" "$work/must")
      [[ $status == 2* ]] || {
        refused "$status" "$name is not changed in $path"
        return
      }
      say "$name is changed in $path"
    fi
  fi
  printf '%s\n' "$digest" >"$state/$1"
}

# Objects of earlier connections: they have the name that homelab gives, and nothing wants them.
forget() { # forget PATH
  local status id
  status=$(api GET "$1")
  [[ $status == 2* ]] || return 0
  while IFS= read -r id; do
    status=$(api DELETE "$1/$id")
    [[ $status == 2* ]] || {
      refused "$status" "an earlier connection in $1 stays"
      continue
    }
    say "an earlier connection is removed from $1"
  done < <(jq -r --slurpfile data "$data" --arg path "$1" '
    [$data[0].wanted[] | select(.path == $path) | .body.name] as $kept
    | .[] | select((.name // "" | endswith(" (homelab)")) and (.name | IN($kept[]) | not)) | .id
  ' "$work/answer")
}

while IFS= read -r url; do
  wait_for "$url" || exit 1
done < <(jq -r '.waits[]' "$data")
count=$(jq '.wanted | length' "$data")
for ((i = 0; i < count; i++)); do
  object "$i"
done
while IFS= read -r path; do
  forget "$path"
done < <(jq -r '.collections[]' "$data")
[ -z "$failed" ] || exit 1
