"""Sonarr, series, looked for and filed."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SignIn,
    Template,
)

_STATE = "/var/lib/sonarr"
_DATA = f"{_STATE}/.config/NzbDrone"

ENTRY = Entry(
    name="sonarr",
    title="Sonarr",
    summary="Looks for series and files them",
    category="Media",
    icon="sonarr",
    homepage="https://sonarr.tv",
    # Before 25.05 its port and address stand in a file that it writes itself.
    since="25.05",
    ports={"web": PortFact(8989)},
    options={
        "services.sonarr.enable": True,
        "services.sonarr.settings.server.bindaddress": Template("{bind}"),
        "services.sonarr.settings.server.port": PortNumber(),
    },
    added={
        "services.sonarr.environmentFiles": "25.05",
        "services.sonarr.settings": "25.05",
    },
    units=("sonarr",),
    user="sonarr",
    # From 26.05 on nothing makes the directory below it before the app does.
    state=(_STATE,),
    state_at={
        "services.sonarr.dataDir": _DATA,
    },
    exclude=(f"{_DATA}/MediaCover", f"{_DATA}/logs"),
    database_at={
        "services.sonarr.settings.postgres": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_DATA}/sonarr.db"),),
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
