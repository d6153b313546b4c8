# shellcheck shell=bash
# Write the files with secrets that one container reads into $RUNTIME_DIRECTORY, which systemd
# removes when the unit stops. $FILES is JSON: the paths of the secrets, and for each file its name,
# owner, mode and pieces: texts, and secrets with the language that they are quoted for.
set -euo pipefail
umask 077

# shellcheck disable=SC2016
program='
  def digits: . as $n | [4096, 256, 16, 1] | map($n / . | floor % 16)
    | map("0123456789abcdef"[.:. + 1]) | add;
  # Characters that JSON has as they are, and YAML or TOML do not.
  def is_plain: . as $c
    | ($c < 127 or $c > 159) and ([8232, 8233, 65279, 65534, 65535] | index($c) | not);
  def quoted: tojson[1:-1] | explode
    | map(if is_plain then [.] | implode else "\\u" + digits end) | add // "";
  def line: if test("[\u0000-\u001f\u007f]")
    then error("it has a line break or another control character, which this file cannot hold")
    else . end;
  def written(secret; quote):
    $ARGS.named["s\(secret)"] as $value
    | if $value | test("\ufffd") then error("it is not text") else $value end
    | rtrimstr("\n") | if quote == "line" then line else quoted end;
  .files[$i].pieces[] | if type == "string" then . else . as $p | written($p.secret; $p.quote) end
'

mapfile -t secrets < <(jq --raw-output '.secrets[]' "$FILES")
values=()
for i in "${!secrets[@]}"; do
  values+=(--rawfile "s$i" "${secrets[$i]}")
done
# Each file in a line, with the secret that is all of it, if there is one.
mapfile -t each < <(
  jq --raw-output '.files[] | [.name, .owner, .mode,
    (.pieces | if length == 1 and .[0].quote? == "none" then .[0].secret else empty end)] | @tsv' \
    "$FILES"
)
for i in "${!each[@]}"; do
  IFS=$'\t' read -r name owner mode whole <<<"${each[$i]}"
  made=$RUNTIME_DIRECTORY/.$name
  if [ -n "$whole" ]; then
    # Any bytes, as they are.
    cat "${secrets[$whole]}" >"$made"
  elif ! jq --join-output --argjson i "$i" "${values[@]}" "$program" "$FILES" >"$made"; then
    rm -f "$made"
    echo "homelab: $name cannot be written" >&2
    exit 1
  fi
  # A number need not be a user of this host.
  case $owner in
    *[!0-9]*) chown "$owner:" "$made" ;;
    *) chown "$owner:$owner" "$made" ;;
  esac
  chmod "$mode" "$made"
  mv -f "$made" "$RUNTIME_DIRECTORY/$name"
done
