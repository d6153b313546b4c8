"""Radarr, films, looked for and filed."""

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
    name="radarr",
    title="Radarr",
    summary="Looks for films and files them",
    category="Media",
    icon="radarr",
    homepage="https://radarr.video",
    # Before 25.05 its port and address stand in a file that it writes itself.
    since="25.05",
    ports={"web": PortFact(7878)},
    options={
        "services.radarr.enable": True,
        "services.radarr.settings.server.bindaddress": Template("{bind}"),
        "services.radarr.settings.server.port": PortNumber(),
    },
    added={
        "services.radarr.environmentFiles": "25.05",
        "services.radarr.settings": "25.05",
    },
    units=("radarr",),
    user="radarr",
    state=("/var/lib/radarr/.config/Radarr",),
    state_at={
        "services.radarr.dataDir": "/var/lib/radarr/.config/Radarr",
    },
    exclude=("/var/lib/radarr/.config/Radarr/MediaCover", "/var/lib/radarr/.config/Radarr/logs"),
    database_at={
        "services.radarr.settings.postgres": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/radarr/.config/Radarr/radarr.db"),),
    sign_in=SignIn(
        kinds=("native", "forward"),
        exempt=("/api/*", "/feed/*"),
        note="it wants a user on its first page; apps and the others use its API key",
    ),
    health="/ping",
    websocket=True,
    datasets={"downloads": "where downloads arrive", "media": "where they are filed"},
    writes_datasets=("downloads", "media"),
    # .NET makes executable memory and looks at network interfaces; whoever plays and files what it
    # files is in the directory's group.
    hardening=Hardening(jit=True, netlink=True, umask="0002"),
)
