# shellcheck shell=bash
# Write the key of an app's API into the file in which the app keeps its settings, before it starts.
# Everything else in the file stays unchanged. The key is read from a file, because other users can
# read arguments.
# Arguments: ini or json, the app's file, the place of the key in it, the file with the key.

homelab_api_key() {
  local format=$1 file=$2 place=$3 key=$4 new
  new=$file.homelab
  (umask 077 && mkdir -p "${file%/*}" && : >"$new" && touch "$file")
  case $format in
    ini)
      [ -s "$file" ] || printf '[%s]\n' "${place%%.*}" >"$file"
      homelab_ini "${place%%.*}" "${place#*.}" "$key" <"$file" >"$new"
      ;;
    json)
      [ -s "$file" ] || printf '{}\n' >"$file"
      jq --arg place "$place" --rawfile key "$key" '.[$place] = ($key | rtrimstr("\n"))' \
        <"$file" >"$new"
      ;;
  esac
  chmod --reference="$file" "$new"
  mv -f "$new" "$file"
}

# The settings on standard input with the value of one key in one section.
homelab_ini() {
  awk -v section="$1" -v name="$2" -v file="$3" '
    function put() { if (!done) print name " = " key; done = 1 }
    BEGIN { getline key < file }
    # A subsection has more brackets; its keys are others.
    /^[ \t]*\[[^[]/ { if (inside) put(); inside = ($0 ~ "^[ \t]*\\[" section "\\]") ; print; next }
    /^[ \t]*\[\[/ { if (inside) put(); inside = 0; print; next }
    inside && $0 ~ "^[ \t]*" name "[ \t]*=" { put(); next }
    { print }
    END { if (inside) put(); if (!done) { print "[" section "]"; put() } }
  '
}

homelab_api_key "$@"
