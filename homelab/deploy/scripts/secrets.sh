# shellcheck shell=bash
# Put the secrets of one release on the host: a complete new set, made live by one link.
# Values pass through builtins only, so no process has one in its arguments.

# secret PATH VALUE
secret() {
  printf '%s' "$2" >"$work/$1"
  settle "$1"
}

# secret_base64 PATH TEXT: for a value that a shell would change.
secret_base64() {
  printf '%s' "$2" | base64 -d >"$work/$1"
  settle "$1"
}

# An unchanged secret keeps its modification time, so that programs that watch it see real changes only.
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
  flush_all "$work"
  # The running release, committed or tested, keeps its set until the switch activates the new one,
  # so that a rollback can restore it.
  link=$live
  if [ "$RELEASE" = "$(current)" ] ||
    { [ -n "$(provisional)" ] && [ "$RELEASE" = "$(content "$state/deployments/$(provisional)/release")" ]; }; then link=$next; fi
  ln -sfn ".sets/${work##*/}" "$link"
  flush "$state/secrets"
  prune_sets
  say "placed the secrets of release $RELEASE"
}

main </dev/null
