# shellcheck shell=bash
# Whether what the host is for still works, asked on the host itself. A probe that answered before a
# switch must answer after it; what did not answer before, or was not there, is said and no reason.

# resolves NAME: the resolver on this host answers a question for an address, by UDP.
resolves() {
  local label packet='\022\064\001\000\000\001\000\000\000\000\000\000'
  local IFS=.
  for label in $1; do
    packet="$packet\\$(printf '%03o' "${#label}")$label"
  done
  # Recursion was available, nothing went wrong, and there is at least one answer.
  # shellcheck disable=SC2059 # the format is the packet
  printf "$packet\\000\\000\\001\\000\\001" | nc -u -w 1 127.0.0.1 53 | od -An -v -tu1 -N 8 |
    awk '{ well = $4 % 16 == 0 && $7 * 256 + $8 > 0 } END { exit !well }'
}

# tunnel_ready: the connector has a connection to Cloudflare. It serves its metrics on the first of
# these ports that is free.
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
    # Any answer of an app is one, also «sign in first»; 5xx is the proxy's word for silence.
    http) curl -sk -o /dev/null --max-time 5 ${3:+--resolve "$3"} -w '%{http_code}\n' "$2" | grep -q '^[1-4]' ;;
    dns) resolves "$2" ;;
    # Connected to the others, not merely started.
    tailnet) systemctl is-active --quiet "$2" && tailscale status --json --peers=false | grep -q '"BackendState": *"Running"' ;;
    tunnel) systemctl is-active --quiet "$2" && tunnel_ready ;;
  esac
}

# answering: the names of the probes that answer now, sorted; all are asked at once.
answering() {
  local kind name target extra
  while read -r kind name target extra; do
    [ -n "$kind" ] || continue
    (probe "$kind" "$target" "$extra" >/dev/null 2>&1 </dev/null && say "$name") &
  done <<<"$PROBES" | sort
}
