"""Ways out of problems with connections between services."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import both, service

SABNZBD = service("sabnzbd", host="nas", audience="operator")

SETTINGS: Changes = service(
    "qbittorrent",
    host="nas",
    audience="operator",
    options={"services.qbittorrent.serverConfig": {"LegalNotice": {"Accepted": True}}},
)

TV: Changes = {
    "datasets": {"tv": {"host": "nas", "path": "/mnt/tv", "tier": "re-derivable", "group": "media"}}
}


def on_shelf(name: str) -> Changes:
    place = {"host": "nas", "path": f"/mnt/shelf/{name}", "mount": "/mnt/shelf"}
    return {**place, "tier": "re-derivable", "group": "media"}


def sonarr(*connects: str) -> Changes:
    return service("sonarr", host="nas", connects=list(connects))


WAYS = (
    WayOut(
        "downloads-shared",
        both(TV, SABNZBD, sonarr("sabnzbd"), service("sonarr", datasets={"media": "tv"})),
        service("sabnzbd", datasets={"downloads": "tv"}),
    ),
    WayOut(
        "downloads-shared",
        both(
            {"datasets": {name: on_shelf(name) for name in ("tv", "dl")}},
            service("sabnzbd", host="nas", audience="operator", datasets={"downloads": "dl"}),
            sonarr("sabnzbd"),
            service("sonarr", datasets={"media": "tv"}),
        ),
        service("sonarr", datasets={"downloads": "dl", "media": "tv"}),
    ),
    WayOut(
        "link-endpoint",
        both(SABNZBD, sonarr("sabnzb")),
        sonarr("sabnzbd"),
        says="no service",
    ),
    WayOut(
        "link-endpoint",
        sonarr("transmission"),
        service("transmission", host="nas"),
        says="no service",
    ),
    WayOut("link-endpoint", sonarr("plex"), sonarr(), says="no service"),
    WayOut(
        "link-endpoint",
        both(service("jellyfin", host="nas"), sonarr("jellyfin")),
        sonarr(),
        says="cannot be connected",
    ),
    WayOut(
        "link-endpoint",
        both(service("prowlarr", host="nas"), sonarr("prowlarr")),
        both(service("prowlarr", connects=["sonarr"]), sonarr()),
        says="cannot be connected",
    ),
    WayOut(
        "link-endpoint",
        both(SABNZBD, service("sabnzbd", enable=False), sonarr("sabnzbd")),
        service("sabnzbd", enable=None),
        says="is off",
    ),
    WayOut(
        "link-endpoint",
        both(SABNZBD, service("sabnzbd", planned="for the new disk"), sonarr("sabnzbd")),
        service("sabnzbd", planned=None),
        says="only planned",
    ),
    WayOut(
        "link-endpoint",
        both(SABNZBD, service("jellyfin", host="nas", connects=["sabnzbd"])),
        service("jellyfin", connects=None, uses=["sabnzbd"]),
        says="describe no connections",
    ),
    WayOut(
        "link-endpoint",
        both(SETTINGS, sonarr("qbittorrent")),
        service("qbittorrent", options=None),
        says="rewrites the settings of qbittorrent",
    ),
    WayOut(
        "link-endpoint",
        both(
            {"nixpkgs": {"default": {"release": "26.05"}}},
            TV,
            service("sonarr", host="nas", datasets={"downloads": "tv"}),
            service("seerr", host="nas", connects=["sonarr"]),
        ),
        service("sonarr", datasets={"downloads": "tv", "media": "tv"}),
        says="with its directory",
        asked={"tv": "add services.sonarr.datasets: {media: …}"},
    ),
)
