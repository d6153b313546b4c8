"""Sonarr, series, looked for and filed."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Fill,
    Hardening,
    PortFact,
    PortNumber,
    SignIn,
)

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
        "services.sonarr.settings.server.bindaddress": Fill("{bind}"),
        "services.sonarr.settings.server.port": PortNumber(),
    },
    added={
        "services.sonarr.environmentFiles": "25.05",
        "services.sonarr.settings": "25.05",
    },
    units=("sonarr",),
    user="sonarr",
    state=("/var/lib/sonarr/.config/NzbDrone",),
    exclude=(
        "/var/lib/sonarr/.config/NzbDrone/MediaCover",
        "/var/lib/sonarr/.config/NzbDrone/logs",
    ),
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/sonarr/.config/NzbDrone/sonarr.db"),),
    sign_in=SignIn(
        kinds=("native", "forward"),
        exempt=("/api/*", "/feed/*"),
        note="it wants a user on its first page; apps and the others use its API key",
    ),
    health="/ping",
    websocket=True,
    datasets={"downloads": "where downloads arrive", "media": "where they are filed"},
    writes_datasets=("downloads", "media"),
    # .NET makes executable memory and looks at network interfaces.
    hardening=Hardening(jit=True, netlink=True, umask="0022"),
)
