# shellcheck shell=bash
# Put the secrets of one service where its units look for them. Sourced by a unit that systemd starts
# before them. A value is never an argument or an environment variable of a process, and only the
# token of 1Password is in the environment of op.

set -eu
umask 077
into=$RUNTIME_DIRECTORY
tries=${HOMELAB_TRIES:-5}
pause=${HOMELAB_PAUSE:-5}

# fetch REFERENCE FILE: 1Password may be out of reach for a while after a boot.
fetch() {
  local try=1 errors=$into/.errors
  until OP_SERVICE_ACCOUNT_TOKEN=$(<"$CREDENTIALS_DIRECTORY/1password") OP_CACHE=false \
    OP_CONFIG_DIR=$into/.op op read --no-newline "$1" >"$2" 2>"$errors"; do
    if [ "$try" -ge "$tries" ]; then
      echo "homelab: 1Password does not give $1:" >&2
      cat "$errors" >&2
      rm -rf "$2" "$errors" "$into/.op"
      return 1
    fi
    sleep "$((pause * try))"
    try=$((try + 1))
  done
  rm -rf "$errors" "$into/.op"
  if ! [ -s "$2" ]; then
    echo "homelab: $1 is empty in 1Password" >&2
    rm -f "$2"
    return 1
  fi
}

# give SOURCE FILE: a 1Password reference, or the name of a credential.
give() {
  case $1 in
    op://*) fetch "$1" "$2" ;;
    *) cat "$CREDENTIALS_DIRECTORY/$1" >"$2" ;;
  esac
}

# place_file NAME OWNER MODE SOURCE
place_file() {
  local group
  give "$4" "$into/.$1"
  if ! group=$(id -gn "$2"); then
    echo "homelab: there is no user $2 to give the secret $1 to" >&2
    rm -f "$into/.$1"
    return 1
  fi
  chmod "$3" "$into/.$1"
  chown "$2:$group" "$into/.$1"
  mv -f "$into/.$1" "$into/$1"
}

# place_variables NAME FORM SOURCE [VARIABLE BEFORE AFTER]...: lines VARIABLE=<BEFORE><value><AFTER>.
# Form `quoted` is for EnvironmentFile= of systemd, `plain` for Podman, which does not parse quotes.
place_variables() {
  local name=$1 form=$2 value text
  give "$3" "$into/.value"
  # Without the dot, the shell would remove more than one line end.
  value=$(cat "$into/.value" && echo .)
  rm -f "$into/.value"
  value=${value%.}
  value=${value%$'\n'}
  value=${value%$'\n'}
  case $value in
    "" | *[[:cntrl:]]*)
      echo "homelab: $name is empty or has several lines, so it cannot be a variable" >&2
      return 1
      ;;
  esac
  shift 3
  : >"$into/.$name"
  while [ "$#" -gt 0 ]; do
    text=$2$value$3
    if [ "$form" = quoted ]; then
      text=${text//\\/\\\\}
      text=${text//\"/\\\"}
      text=${text//\`/\\\`}
      text=\"${text//\$/\\\$}\"
    fi
    printf '%s=%s\n' "$1" "$text" >>"$into/.$name"
    shift 3
  done
  mv -f "$into/.$name" "$into/$name"
}
