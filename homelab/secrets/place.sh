# shellcheck shell=bash
# Put the secrets that were sent for one release where its units look for them. Sourced by the
# system's activation with the release's id, at a switch and at every boot.

from=${HOMELAB_ROOT:-}/var/lib/homelab/secrets/$1
into=${HOMELAB_ROOT:-}/run/homelab/secrets
restarts=${HOMELAB_ROOT:-}/run/nixos/activation-restart-list
kept=" "

# At boot nothing runs yet that would have to be restarted.
booting=
[ -d "$into" ] || booting=yes
mkdir -p "$into"
chmod 0711 "${into%/*}" "$into"

# place NAME OWNER MODE UNIT...: a missing secret is a message, not a failed activation.
place() {
  local name=$1 owner=$2 mode=$3 group unit
  shift 3
  kept="$kept$name "
  if ! [ -f "$from/$name" ]; then
    echo "homelab: the secret $name has not been sent to this host" >&2
    return 0
  fi
  if ! group=$(id -gn "$owner" 2>/dev/null); then
    echo "homelab: there is no user $owner to give the secret $name to" >&2
    owner=root group=root
  fi
  if [ -z "$booting" ] && ! same "$from/$name" "$into/$name"; then
    for unit in "$@"; do
      echo "$unit" >>"$restarts"
    done
  fi
  install -m "$mode" -o "$owner" -g "$group" "$from/$name" "$into/.$name"
  mv -f "$into/.$name" "$into/$name"
}

# There is no cmp where this runs.
same() {
  [ -f "$2" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

# forget_others: what no unit needs any more is gone from where units look.
forget_others() {
  local file
  for file in "$into"/*; do
    case $kept in
      *" ${file##*/} "*) ;;
      *) rm -f "$file" ;;
    esac
  done
}
