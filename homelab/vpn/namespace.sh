# shellcheck shell=bash
# A network namespace whose only outside connection is a tunnel that is moved into it later. Its veth
# link carries only connections that the host opens. Sourced by the unit of the namespace.

# up NAME HOST INSIDE: HOST and INSIDE are the addresses of the two ends of the cable.
up() {
  local name=$1 host=$2 inside=$3
  down "$name"
  ip netns add "$name"
  # Load the filter before the first link exists.
  ip netns exec "$name" nft -f - <<RULES
table inet vpn {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    iifname "veth" ip saddr $host accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
  chain output {
    type filter hook output priority filter; policy drop;
    oifname { "lo", "$name" } accept
    oifname "veth" ct direction reply accept
  }
}
RULES
  ip -n "$name" link set lo up
  ip link add "veth-$name" type veth peer name veth netns "$name"
  # No addresses but ours, so no IPv6 on the cable.
  ip link set "veth-$name" addrgenmode none
  ip -n "$name" link set veth addrgenmode none
  ip address add "$host/30" dev "veth-$name"
  ip -n "$name" address add "$inside/30" dev veth
  ip link set "veth-$name" up
  ip -n "$name" link set veth up
}

# down NAME: the namespace, the cable and the tunnel inside are gone.
down() {
  ip link delete "veth-$1" 2>/dev/null || true
  ip netns delete "$1" 2>/dev/null || true
}
