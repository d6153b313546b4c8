"""Traefik, the reverse proxy that every name leads to."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="traefik",
    title="Traefik",
    summary="The reverse proxy that every name leads to",
    category="Network",
    icon="traefik",
    homepage="https://traefik.io/traefik",
    since="24.11",
    infrastructure=True,
    ports={
        "http": PortFact(80, scope="lan", why="sends browsers on to HTTPS", movable=False),
        "https": PortFact(443, scope="lan", why="every name of the homelab", movable=False),
    },
    units=("traefik",),
    user="traefik",
    scratch=("/var/lib/traefik",),
    stateless="its certificates are security.acme's, which fetches new ones",
    audience="public",
    sign_in=SignIn(
        kinds=("none",),
        note="asks the gate before it lets anyone pass; hands on its headers by their own names",
    ),
    monitor="every name that is watched passes through it",
    # The file provider became a directory of files with 26.05.
    added={
        "services.traefik.dynamic.dir": "26.05",
        "services.traefik.dynamic.files": "26.05",
        "services.traefik.static.settings": "26.05",
    },
    hardening=Hardening(
        capabilities=("CAP_NET_BIND_SERVICE",),
        writable=("/var/lib/traefik",),
    ),
)
