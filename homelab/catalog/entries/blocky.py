"""Blocky, the resolver of the LAN and the tailnet."""

from homelab.catalog.model import Entry, Hardening, PortFact

_WHY = "the LAN and the tailnet ask it for every name"

ENTRY = Entry(
    name="blocky",
    title="Blocky",
    summary="Resolver of the LAN and the tailnet, without advertising",
    category="Network",
    icon="blocky",
    homepage="https://0xerr0r.github.io/blocky",
    since="24.11",
    infrastructure=True,
    ports={
        "dns": PortFact(53, scope="lan", why=_WHY, movable=False),
        "dns-udp": PortFact(53, "udp", scope="lan", why=_WHY, movable=False),
    },
    units=("blocky",),
    user="blocky",
    dynamic_user=True,
    stateless="it answers from its configuration and fetches its lists anew",
    audience="public",
    monitor="asked for a name of the homelab, as its users do",
    needs=("always_on",),
    hardening=Hardening(capabilities=("CAP_NET_BIND_SERVICE",), netlink=True),
)
