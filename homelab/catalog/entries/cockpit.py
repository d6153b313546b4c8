"""Cockpit, the host's own administration page."""

from homelab.catalog.model import Entry, Hardening, Last, PortFact, PortNumber, SignIn, Template

ENTRY = Entry(
    name="cockpit",
    title="Cockpit",
    summary="Units, logs and disks of the host, in the browser",
    category="Tools",
    icon="cockpit",
    homepage="https://cockpit-project.org",
    since="24.11",
    ports={"web": PortFact(9090)},
    options={
        "services.cockpit.enable": True,
        "services.cockpit.port": PortNumber(),
        "services.cockpit.settings.WebService": {
            # The proxy ends TLS; without these Cockpit sends everybody to HTTPS once more.
            "AllowUnencrypted": True,
            "ProtocolHeader": "X-Forwarded-Proto",
            "ForwardedForHeader": "X-Forwarded-For",
        },
        # Pages of which it accepts WebSockets.
        "services.cockpit.settings.WebService.Origins": Template("{url}"),
        "services.cockpit.allowed-origins": [Template("{url}")],
        # The module's socket listens on every address, and an empty entry takes that back.
        "systemd.sockets.cockpit.listenStreams": Last(["", Template("{bind}:{port}")]),
    },
    added={
        "services.cockpit.allowed-origins": "25.11",
        "services.cockpit.showBanner": "25.11",
    },
    # The module makes it of allowed-origins then.
    removed={"services.cockpit.settings.WebService.Origins": "25.11"},
    units=("cockpit",),
    stateless="it shows what the host is, and keeps nothing of its own",
    sign_in=SignIn(
        kinds=("native",),
        note="the owner signs in, with the password of `site.owner.password`",
        host_users=True,
    ),
    health="/ping",
    websocket=True,
    hardening=Hardening(exempt="it opens sessions of the host's users, and what they may do"),
)
