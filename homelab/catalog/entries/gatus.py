"""Gatus, the status page."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="gatus",
    title="Gatus",
    summary="What is up, what is down, and since when",
    category="Monitoring",
    icon="gatus",
    homepage="https://gatus.io",
    since="24.11",
    infrastructure=True,
    ports={"web": PortFact(8080)},
    units=("gatus",),
    user="gatus",
    dynamic_user=True,
    state=("/var/lib/private/gatus",),
    state_file_at={"services.gatus.settings.storage.path": ""},
    stateless="its history is kept in memory",
    sign_in=SignIn(kinds=("none", "forward")),
    health="/health",
    needs=("always_on",),
    # ICMP probes are raw packets; the module grants this too.
    hardening=Hardening(capabilities=("CAP_NET_RAW",)),
)
