"""Nginx, the reverse proxy that every name leads to."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="nginx",
    title="Nginx",
    summary="The reverse proxy that every name leads to",
    category="Network",
    icon="nginx",
    homepage="https://nginx.org",
    since="24.11",
    infrastructure=True,
    ports={
        "http": PortFact(80, scope="lan", why="sends browsers on to HTTPS", movable=False),
        "https": PortFact(443, scope="lan", why="every name of the homelab", movable=False),
    },
    units=("nginx",),
    user="nginx",
    stateless="its certificates are security.acme's, which fetches new ones",
    audience="public",
    sign_in=SignIn(kinds=("none",), note="asks the gate before it lets anyone pass"),
    monitor="every name that is watched passes through it",
    # Its module confines it with all of the baseline, and with a filter of system calls besides.
    hardening=Hardening(upstream=True),
)
