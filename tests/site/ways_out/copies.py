"""Ways out of datasets between which an app cannot make hard links."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import both, container, service
from tests.site.ways_out.storage import dataset


def _media(**paths: str) -> Changes:
    return both(*(dataset(name, path=path) for name, path in paths.items()))


SONARR = service(
    "sonarr", host="nas", audience="operator", datasets={"media": "tv", "downloads": "down"}
)


COPIES = (
    WayOut(
        "hardlink-same-fs",
        both(
            {
                "datasets": {
                    n: {
                        "host": "nas",
                        "path": f"/mnt/media/{n}",
                        "mount": "/mnt/media",
                        "tier": "re-derivable",
                    }
                    for n in ("tv", "down")
                }
            },
            service("a", **container(auth="none", datasets={"tv": "/tv", "down": "/down"})),
        ),
        service(
            "a", datasets=None, container={"mounts": [{"source": "/mnt/media", "target": "/media"}]}
        ),
    ),
    WayOut(
        "hardlink-same-fs",
        both(_media(tv="/mnt/media/tv", down="/mnt/media/down"), SONARR),
        {"datasets": {"tv": {"mount": "/mnt/media"}, "down": {"mount": "/mnt/media"}}},
        says="as two mounts",
    ),
    WayOut(
        "hardlink-same-fs",
        both(
            _media(tv="/mnt/media/tv", down="/mnt/media/down"),
            {"datasets": {"tv": {"mount": "/mnt/media"}}},
            SONARR,
        ),
        {"datasets": {"down": {"mount": "/mnt/media"}}},
        says="as two mounts",
    ),
    WayOut(
        "hardlink-same-fs",
        both(
            _media(tv="/srv/tv", down="/srv/down"),
            {"datasets": {n: {"mount": "/"} for n in ("tv", "down")}},
            SONARR,
        ),
        {"datasets": {"tv": {"path": "/srv/media/tv"}, "down": {"path": "/srv/media/down"}}},
        says="as two mounts",
    ),
    WayOut(
        "hardlink-same-fs",
        both(_media(tv="/mnt/media/tv", down="/mnt/fast/down"), SONARR),
        service("sonarr", datasets={"downloads": "tv"}),
        says="two file systems",
    ),
    WayOut(
        "hardlink-same-fs",
        both(_media(tv="/mnt/media/tv", down="/mnt/fast/down"), SONARR),
        service("sonarr", accept={"copies": "downloads are on the fast disk"}),
        says="two file systems",
        asked={"downloads are on the fast disk": "a reason"},
    ),
)
