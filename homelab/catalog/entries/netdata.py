"""Netdata, measurements of its host by the second."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn, Template

ENTRY = Entry(
    name="netdata",
    title="Netdata",
    summary="How its host is, second by second",
    category="Monitoring",
    icon="netdata",
    homepage="https://www.netdata.cloud",
    since="24.11",
    ports={"web": PortFact(19999)},
    options={
        "services.netdata.enable": True,
        "services.netdata.enableAnalyticsReporting": False,
        "services.netdata.config.web": {
            "bind to": Template("{bind}"),
            "default port": Template("{port}"),
        },
    },
    units=("netdata",),
    user="netdata",
    state=("/var/lib/netdata",),
    state_at={"services.netdata.config.directories.lib": "/var/lib/netdata"},
    stateless="measurements of some days, which start anew",
    sign_in=SignIn(kinds=("forward", "none"), note="whoever reaches it may look"),
    health="/api/v1/info",
    hardening=Hardening(
        exempt="its helpers read every process, device and file system by privileges of their own"
    ),
)
