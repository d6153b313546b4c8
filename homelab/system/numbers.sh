# shellcheck shell=bash
# Numbers of accounts, for scripts that compare them. Joined to each of them.

# number NAME DATABASE: of a user (passwd) or a group (group); nothing if there is none.
number() {
  local name third
  while IFS=: read -r name _ third _; do
    if [ "$name" = "$1" ]; then
      echo "$third"
      return
    fi
  done <"${HOMELAB_ROOT:-}/etc/$2"
}
