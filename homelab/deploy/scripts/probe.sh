# shellcheck shell=bash
# Probes of the host's own functions, run on the host. A probe that passed before a switch must pass
# after it. One that did not pass before, or is new, is only logged.

# resolves NAME: the resolver on this host answers a query for an A record over UDP.
resolves() {
  local label packet='\022\064\001\000\000\001\000\000\000\000\000\000'
  local IFS=.
  for label in $1; do
    packet="$packet\\$(printf '%03o' "${#label}")$label"
  done
  # Response code 0, and at least one answer. nc waits for a second one, and this does not wait for nc.
  # shellcheck disable=SC2059 # the format is the packet
  od -An -v -tu1 -N 8 < <(exec nc -u -w 1 127.0.0.1 53 9>&- < <(printf "$packet\\000\\000\\001\\000\\001")) |
    awk '{ well = $4 % 16 == 0 && $7 * 256 + $8 > 0 } END { exit !well }'
}

# tunnel_ready: the connector is connected to Cloudflare. It serves its metrics on the first free one
# of these ports.
tunnel_ready() {
  local port
  for port in 20241 20242 20243 20244 20245; do
    if curl -sk -o /dev/null --max-time 5 -w '%{http_code}\n' "http://127.0.0.1:$port/ready" | grep -qx 200; then return; fi
  done
  return 1
}

# probe KIND TARGET EXTRA
probe() {
  case $1 in
    unit) systemctl is-active --quiet "$2" ;;
    # Any answer counts, also a redirect to the sign-in page or 4xx; a proxy answers 5xx if the app
    # does not answer.
    http) curl -sk -o /dev/null --max-time 5 ${3:+--resolve "$3"} -w '%{http_code}\n' "$2" | grep -q '^[1-4]' ;;
    dns) resolves "$2" ;;
    # Connected to the tailnet, not only started.
    tailnet) systemctl is-active --quiet "$2" && tailscale status --json --peers=false | grep -q '"BackendState": *"Running"' ;;
    tunnel) systemctl is-active --quiet "$2" && tunnel_ready ;;
  esac
}

# answering: the names of the probes that pass now, sorted; all run in parallel.
answering() {
  local kind name target extra
  while read -r kind name target extra; do
    [ -n "$kind" ] || continue
    (probe "$kind" "$target" "$extra" >/dev/null 2>&1 </dev/null && say "$name") &
  done <<<"$PROBES" | sort
}
