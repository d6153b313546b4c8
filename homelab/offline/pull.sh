# shellcheck shell=bash
# Take the release that waits for this host on one that never sleeps, and tell that one how it went.
# Sourced with the host's name and SSH port, the other's name and SSH port, and the addresses that
# lead there. What is fetched counts only if the owner signed it, for this host, after the last one.

set -euo pipefail
umask 077

root=${HOMELAB_ROOT:-}
state=$root/var/lib/homelab
key=$root/etc/ssh/ssh_host_ed25519_key
self=$1 port=$2 relay=$3 relay_port=$4
shift 4
addresses=("$@")
ways=() # the addresses from whose side SSH answered here before the switch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'homelab: %s\n' "$*" >&2; }

# ask ADDRESS WORD…: a question to the relay.
ask() {
  local address=$1
  shift
  ssh -F none -i "$key" -p "$relay_port" -o BatchMode=yes -o IdentitiesOnly=yes \
    -o ConnectTimeout=10 -o ServerAliveInterval=10 -o StrictHostKeyChecking=yes \
    -o HostKeyAlias="$relay" "homelab-bundles@$address" "$@"
}

# After a wake the network may take a while.
fetch() {
  local try address
  for try in 1 2 3 4 5 6; do
    for address in "${addresses[@]}"; do
      if ask "$address" fetch </dev/null >"$work/both"; then return; fi
    done
    [ "$try" = 6 ] || sleep 10
  done
  return 1
}

# verify: afterwards $work/bundle is text that the owner signed.
verify() {
  sed '/^-----END SSH SIGNATURE-----$/q' "$work/both" >"$work/signature"
  sed '1,/^-----END SSH SIGNATURE-----$/d' "$work/both" >"$work/bundle"
  ssh-keygen -Y verify -f "$root/etc/homelab/bundle-signers" -I owner -n homelab-bundle \
    -s "$work/signature" <"$work/bundle" >/dev/null 2>&1
}

# seen ADDRESS PORT: from outside, where this address leads, our own key answers.
seen() {
  ask "$1" look "$2" </dev/null | grep -Fq " $(ssh-keygen -y -f "$key" | cut -d ' ' -f 1,2)"
}

# Every way that led here before the switch leads here after it; of a deployment whose ways nobody
# remembers, one.
seen_again() {
  local address
  if [ "${#ways[@]}" = 0 ]; then
    for address in "${addresses[@]}"; do
      if seen "$address" "$SSH_PORT"; then return; fi
    done
    return 1
  fi
  for address in "${ways[@]}"; do
    seen "$address" "$SSH_PORT" || return 1
  done
}

# tell PHASE REASON: lines of the log come on standard input.
tell() {
  local address
  say "release $RELEASE is $1${2:+: $2}"
  { printf 'id %s\nwhat %s\nphase %s\nreason %s\n' "$DEPLOYMENT_ID" "$WHAT" "$1" "$2" && cat; } >"$work/word"
  for address in "${addresses[@]}"; do
    if ask "$address" tell <"$work/word"; then return; fi
  done
  say "$relay did not hear that; it is told next time"
  return 1
}

# give_up REASON: nothing was activated; tell so, with the last lines of the part that failed.
give_up() {
  tail -n 40 "$work/log" | cut -b 1-1000 | sed 's/^/log /' | tell failed "$1"
  exit 1
}

word() { sed -n "s/^$1 //p" "$work/status"; }

# follow: see the deployment through, whoever began it, and tell how it ended.
follow() {
  local alone=0 sealed='' phase
  SECONDS=0
  while [ "$SECONDS" -lt "$LONGEST" ]; do
    status >"$work/status"
    phase=$(word phase)
    case $phase in
      committed | rolled_back | failed_rollback)
        if sed -n '/^log /p' "$work/status" | tell "$phase" "$(word reason)"; then
          printf '%s\n' "$DEPLOYMENT_ID" >"$state/report"
        fi
        return
        ;;
      awaiting)
        if [ -z "$sealed" ] && seen_again && confirm >"$work/log" 2>&1; then sealed=yes; fi
        ;;
    esac
    # A restart may have taken its supervisor.
    if [ -n "$(word supervised)" ]; then alone=0; else alone=$((alone + 1)); fi
    [ "$alone" != 5 ] || abandon >/dev/null 2>&1 || true
    sleep 2
  done
  sed -n '/^log /p' "$work/status" | tell "$phase" "it did not end"
}

# begin: start the deployment. One that is open and that nobody sees to, since a power cut, is rolled back
# first. Ends with 75 when another one goes on all the time.
begin() {
  local code
  SECONDS=0
  while :; do
    code=0
    activate >"$work/log" 2>&1 || code=$?
    [ "$code" = 75 ] && [ "$SECONDS" -lt "$LONGEST" ] || return "$code"
    abandon >/dev/null 2>&1 || true
    sleep 5
  done
}

pull() {
  local taken address code=0
  fetch || {
    say "$relay does not answer"
    return
  }
  if ! [ -s "$work/both" ]; then return; fi
  verify || {
    say "what waits on $relay is not signed by the owner of this host; refused"
    return 1
  }
  # shellcheck source=/dev/null
  . "$work/bundle"
  [ "$HOST" = "$self" ] || {
    say "what waits on $relay is for $HOST; refused"
    return 1
  }
  if [ -e "$state/deployments/$DEPLOYMENT_ID/phase" ]; then
    [ "$(cat "$state/report" 2>/dev/null)" = "$DEPLOYMENT_ID" ] || follow
    return
  fi
  taken=$(cat "$state/taken" 2>/dev/null || echo 0)
  if ! [ "$MADE" -gt "$taken" ]; then
    : >"$work/log"
    give_up "it was made before the last release that came here; refused"
  fi
  for address in "${addresses[@]}"; do
    if seen "$address" "$port"; then ways+=("$address"); fi
  done
  : >"$work/log"
  [ "${#ways[@]}" != 0 ] ||
    give_up "SSH here does not answer to $relay, so nobody could confirm a switch"
  stage >"$work/log" 2>&1 || give_up "its files could not be written"
  # What this says may hold a secret.
  secrets >/dev/null 2>&1 || give_up "its secrets could not be opened or placed"
  build >"$work/log" 2>&1 || give_up "it does not build, or would not come through the switch"
  begin || code=$?
  if [ "$code" = 75 ]; then
    say "another switch of this host is going on; next time"
    return
  fi
  [ "$code" = 0 ] || give_up "it was not started"
  printf '%s\n' "$MADE" >"$state/taken.new" && sync && mv -f "$state/taken.new" "$state/taken"
  follow
}

pull
