# shellcheck shell=bash
# Fetch this host's bundle from the relay, apply it, and report the outcome to the relay.
# Sourced with this host's name and SSH port, the relay's name and SSH port, and the relay's
# addresses. A bundle is accepted only if the owner signed it, for this host, after the last one.

set -euo pipefail
umask 077

root=${HOMELAB_ROOT:-}
state=$root/var/lib/homelab
key=$root/etc/ssh/ssh_host_ed25519_key
self=$1 port=$2 relay=$3 relay_port=$4
shift 4
addresses=("$@")
paths=() # relay addresses over which the relay could reach SSH here before the switch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'homelab: %s\n' "$*" >&2; }

# ask ADDRESS COMMAND…: send a command to the relay.
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

# verify: write $work/bundle; fails unless the owner signed it.
verify() {
  sed '/^-----END SSH SIGNATURE-----$/q' "$work/both" >"$work/signature"
  sed '1,/^-----END SSH SIGNATURE-----$/d' "$work/both" >"$work/bundle"
  ssh-keygen -Y verify -f "$root/etc/homelab/bundle-signers" -I owner -n homelab-bundle \
    -s "$work/signature" <"$work/bundle" >/dev/null 2>&1
}

# seen ADDRESS PORT: the relay, asked over this address, reaches this host's SSH with its own key.
seen() {
  ask "$1" look "$2" </dev/null | grep -Fq " $(ssh-keygen -y -f "$key" | cut -d ' ' -f 1,2)"
}

# Every path that reached this host before the switch reaches it after the switch. If they are not
# known (the deployment began in an earlier run), one path is enough.
seen_again() {
  local address
  if [ "${#paths[@]}" = 0 ]; then
    for address in "${addresses[@]}"; do
      if seen "$address" "$SSH_PORT"; then return; fi
    done
    return 1
  fi
  for address in "${paths[@]}"; do
    seen "$address" "$SSH_PORT" || return 1
  done
}

# report PHASE REASON: tell the relay; log lines come on standard input.
report() {
  local address
  say "release $RELEASE is $1${2:+: $2}"
  { printf 'id %s\nwhat %s\nphase %s\nreason %s\n' "$DEPLOYMENT_ID" "$WHAT" "$1" "$2" && cat; } >"$work/report"
  for address in "${addresses[@]}"; do
    if ask "$address" tell <"$work/report"; then return; fi
  done
  say "$relay did not take the report; the next run sends it again"
  return 1
}

# give_up REASON: report that nothing was activated, with the last log lines of the failed step.
give_up() {
  tail -n 40 "$work/log" | cut -b 1-1000 | sed 's/^/log /' | report failed "$1"
  exit 1
}

fact() { sed -n "s/^$1 //p" "$work/status"; }

# follow: confirm the deployment, no matter which run began it, and report how it ended.
follow() {
  local alone=0 sealed='' phase
  SECONDS=0
  while [ "$SECONDS" -lt "$LONGEST" ]; do
    status >"$work/status"
    phase=$(fact phase)
    case $phase in
      committed | rolled_back | failed_rollback)
        if sed -n '/^log /p' "$work/status" | report "$phase" "$(fact reason)"; then
          printf '%s\n' "$DEPLOYMENT_ID" >"$state/report"
        fi
        return
        ;;
      awaiting)
        if [ -z "$sealed" ] && seen_again && confirm >"$work/log" 2>&1; then sealed=yes; fi
        ;;
    esac
    # A reboot may have ended its supervisor.
    if [ -n "$(fact supervised)" ]; then alone=0; else alone=$((alone + 1)); fi
    [ "$alone" != 5 ] || abandon >/dev/null 2>&1 || true
    sleep 2
  done
  sed -n '/^log /p' "$work/status" | report "$phase" "it did not end"
}

# begin: start the deployment. First roll back one that a power cut left open.
# Exits 75 if another one is in progress all the time.
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
    say "refused the bundle on $relay: the owner of this host did not sign it"
    return 1
  }
  # shellcheck source=/dev/null
  . "$work/bundle"
  [ "$HOST" = "$self" ] || {
    say "refused the bundle on $relay: it is for $HOST"
    return 1
  }
  if [ -e "$state/deployments/$DEPLOYMENT_ID/phase" ]; then
    [ "$(cat "$state/report" 2>/dev/null)" = "$DEPLOYMENT_ID" ] || follow
    return
  fi
  taken=$(cat "$state/taken" 2>/dev/null || echo 0)
  if ! [ "$MADE" -gt "$taken" ]; then
    : >"$work/log"
    give_up "it is older than the last release of this host; refused"
  fi
  for address in "${addresses[@]}"; do
    if seen "$address" "$port"; then paths+=("$address"); fi
  done
  : >"$work/log"
  [ "${#paths[@]}" != 0 ] ||
    give_up "$relay cannot reach SSH on this host, so it could not confirm a switch"
  stage >"$work/log" 2>&1 || give_up "its files could not be written"
  # The output may contain a secret.
  secrets >/dev/null 2>&1 || give_up "its secrets could not be opened or placed"
  build >"$work/log" 2>&1 || give_up "the build or the preflight failed"
  begin || code=$?
  if [ "$code" = 75 ]; then
    say "another switch of this host is in progress; the next run tries again"
    return
  fi
  [ "$code" = 0 ] || give_up "the switch was not started"
  printf '%s\n' "$MADE" >"$state/taken.new" && sync && mv -f "$state/taken.new" "$state/taken"
  follow
}

pull
