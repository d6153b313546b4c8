# shellcheck shell=bash
# Restart WiFi when it has lost its network.

# watch GATEWAY GRACE UNIT: ping the gateway; if it does not answer, restart the WiFi unit, and after
# the grace time the host. If the gateway has not answered since boot, do not reboot.
watch() {
  local heard=${HOMELAB_ROOT:-}/run/homelab/gateway-heard
  if answers "$1"; then
    mkdir -p "${heard%/*}"
    : >"$heard"
    return
  fi
  echo "homelab: $1 does not answer; restarting $3" >&2
  systemctl restart "$3" || true
  sleep "$2"
  if answers "$1"; then
    return
  fi
  if ! [ -e "$heard" ]; then
    echo "homelab: $1 has not answered since boot, and another boot would not help" >&2
    return
  fi
  echo "homelab: $1 still does not answer; restarting this host" >&2
  systemctl reboot
}

answers() {
  ping -q -c 3 -W 5 "$1" >/dev/null 2>&1
}
