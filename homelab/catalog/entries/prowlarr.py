"""Prowlarr, the indexers that the others search."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SignIn,
    Template,
)

ENTRY = Entry(
    name="prowlarr",
    title="Prowlarr",
    summary="The indexers that Sonarr and Radarr search",
    category="Media",
    icon="prowlarr",
    homepage="https://prowlarr.com",
    # Before 25.05 its port and address stand in a file that it writes itself.
    since="25.05",
    ports={"web": PortFact(9696)},
    options={
        "services.prowlarr.enable": True,
        "services.prowlarr.settings.server.bindaddress": Template("{bind}"),
        "services.prowlarr.settings.server.port": PortNumber(),
    },
    added={
        "services.prowlarr.environmentFiles": "25.05",
        "services.prowlarr.settings": "25.05",
        "services.prowlarr.dataDir": "25.11",
    },
    units=("prowlarr",),
    dynamic_user=True,
    state=("/var/lib/private/prowlarr",),
    state_at={
        "services.prowlarr.dataDir": "/var/lib/private/prowlarr",
    },
    exclude=("/var/lib/private/prowlarr/Definitions", "/var/lib/private/prowlarr/logs"),
    database_at={
        "services.prowlarr.settings.postgres": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/private/prowlarr/prowlarr.db"),),
    sign_in=SignIn(
        kinds=("native", "forward"),
        exempt=("/api/*",),
        note="it wants a user on its first page; apps and the others use its API key",
    ),
    health="/ping",
    websocket=True,
    # .NET makes executable memory and looks at network interfaces.
    hardening=Hardening(jit=True, netlink=True),
)
