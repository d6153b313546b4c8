"""Tailscale, the private network between the hosts and the owner's devices."""

from homelab.catalog.model import Entry, Hardening, PortFact

ENTRY = Entry(
    name="tailscale",
    title="Tailscale",
    summary="The private network between hosts and devices",
    category="Network",
    icon="tailscale",
    homepage="https://tailscale.com",
    since="24.11",
    infrastructure=True,
    ports={
        "wireguard": PortFact(
            41641, "udp", scope="lan", why="direct connections instead of relayed ones"
        )
    },
    units=("tailscaled",),
    user="root",
    state=("/var/lib/tailscale",),
    state_fixed="its unit passes the directory to tailscaled",
    exclude=("/var/lib/tailscale/files",),
    audience="operator",
    monitor="whatever is watched on another host is reached through it",
    hardening=Hardening(
        devices=True,
        netlink=True,
        exempt="it makes network interfaces, routes and packet filters as root",
    ),
)
