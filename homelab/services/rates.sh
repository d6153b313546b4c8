# shellcheck shell=bash
# Set the rates of Transmission that apply now, by its RPC.
# Arguments: the service, the address of its RPC, and each window of the day, ordered by its start:
# 0800,50000,0 is from 08:00 on at most 50000 kB/s down and nothing up; - is no limit.

service=$1 rpc=$2
shift 2

say() { printf 'homelab: %s: %s\n' "$service" "$1" >&2; }

# Before the first start of the day, the last window of the day before applies.
now=$(date +%H%M)
for window in "$@"; do current=$window; done
for window in "$@"; do
  if [ "$((10#${window%%,*}))" -le "$((10#$now))" ]; then current=$window; fi
done
IFS=, read -r start down up <<<"$current"

request=$(jq -nc --arg down "$down" --arg up "$up" '
  def limit($name; $rate):
    if $rate == "-" then {"speed-limit-\($name)-enabled": false}
    else {"speed-limit-\($name)-enabled": true, "speed-limit-\($name)": ($rate | tonumber)} end;
  {method: "session-set", arguments: (limit("down"; $down) + limit("up"; $up))}
')

# The first answer is a refusal with the id that every request must have.
headers=$(curl -sS --retry 5 --retry-connrefused --max-time 60 -o /dev/null -D - "$rpc") || {
  say "its RPC does not answer at $rpc"
  exit 1
}
id=$(printf '%s' "$headers" | tr -d '\r' | sed -n 's/^X-Transmission-Session-Id: *//Ip')
answer=$(curl -sS --max-time 60 -H "X-Transmission-Session-Id: $id" -d "$request" "$rpc" || true)
if [ "$(jq -r .result <<<"$answer" 2>/dev/null || true)" != success ]; then
  say "its RPC refuses the rates; if it asks for a password, leave rpc-authentication-required out"
  exit 1
fi
say "from ${start:0:2}:${start:2} on: down $down, up $up kB/s"
