"""AdGuard Home, a resolver of the LAN and the tailnet with a page to look at."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

_WHY = "the LAN and the tailnet ask it for every name"

ENTRY = Entry(
    name="adguardhome",
    title="AdGuard Home",
    summary="Resolver of the LAN and the tailnet, without advertising",
    category="Network",
    icon="adguard-home",
    homepage="https://adguard.com/adguard-home/overview.html",
    since="24.11",
    infrastructure=True,
    ports={
        "dns": PortFact(53, scope="lan", why=_WHY, movable=False),
        "dns-udp": PortFact(53, "udp", scope="lan", why=_WHY, movable=False),
        "web": PortFact(3000),
    },
    units=("adguardhome",),
    user="adguardhome",
    dynamic_user=True,
    scratch=("/var/lib/private/AdGuardHome",),
    stateless="it starts from its configuration each time; counts and the log of queries may go",
    sign_in=SignIn(
        kinds=("forward", "none"),
        note="its own accounts are left out: their password hashes would lie in the Nix store",
    ),
    needs=("always_on",),
    hardening=Hardening(capabilities=("CAP_NET_BIND_SERVICE",), netlink=True),
)
