"""Caddy, the reverse proxy that every name leads to."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="caddy",
    title="Caddy",
    summary="The reverse proxy that every name leads to",
    category="Network",
    icon="caddy",
    homepage="https://caddyserver.com",
    since="24.11",
    infrastructure=True,
    ports={
        "http": PortFact(80, scope="lan", why="sends browsers on to HTTPS", movable=False),
        "https": PortFact(443, scope="lan", why="every name of the homelab", movable=False),
        "http3": PortFact(443, "udp", scope="lan", why="the same over QUIC", movable=False),
        "admin": PortFact(2019, why="reloads its configuration", movable=False),
    },
    units=("caddy",),
    user="caddy",
    scratch=("/var/lib/caddy",),
    stateless="its certificates are security.acme's, which fetches new ones",
    audience="public",
    sign_in=SignIn(kinds=("none",), note="asks the gate before it lets anyone pass"),
    monitor="every name that is watched passes through it",
    # New in 26.05, by that release's notes.
    added={
        "services.caddy.httpPort": "26.05",
        "services.caddy.httpsPort": "26.05",
        "services.caddy.openFirewall": "26.05",
    },
    hardening=Hardening(
        # The unit in the package raises both; a capability outside the bounding set could not be
        # raised, and the unit would not start.
        capabilities=("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"),
        netlink=True,
        writable=("/var/log/caddy",),
    ),
)
