# shellcheck shell=bash
# Put the secrets of one release on the host: a whole new set, made live by one link.
# Values pass through builtins only, so no process ever carries one in its arguments.

# secret PATH VALUE
secret() {
  printf '%s' "$2" >"$work/$1"
  settle "$1"
}

# secret_base64 PATH TEXT: for a value that shells do not carry faithfully.
secret_base64() {
  printf '%s' "$2" | base64 -d >"$work/$1"
  settle "$1"
}

# An unchanged secret keeps its time, so that what watches times sees only real changes.
settle() {
  chmod 0400 "$work/$1"
  if [ -f "$before/$1" ] && cmp -s "$before/$1" "$work/$1"; then
    touch -r "$before/$1" "$work/$1"
  fi
}

main() {
  local live=$state/secrets/$RELEASE next=$state/secrets/.next.$RELEASE link
  take_lock "secrets of release $RELEASE"
  mkdir -p "$state/secrets/.sets"
  prune_sets
  before=$live
  [ -e "$live" ] || before=$state/secrets/$(current)
  work=$(mktemp -d "$state/secrets/.sets/$RELEASE.XXXXXX")
  secrets # made by scripts.py: one mkdir, then one line per secret
  if [ -e "$live" ] && diff -r "$live/" "$work/" >/dev/null; then
    rm -rf "$work" "$next"
    say "the secrets of release $RELEASE are already there"
    return
  fi
  find "$work" -type f -exec sync {} + 2>/dev/null || sync
  # A running system keeps its set until the switch takes the new one, so that a rollback can
  # return to it.
  link=$live
  [ "$RELEASE" != "$(current)" ] || link=$next
  ln -sfn ".sets/${work##*/}" "$link"
  flush "$state/secrets"
  prune_sets
  say "placed the secrets of release $RELEASE"
}

main </dev/null
