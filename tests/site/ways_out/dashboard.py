"""Ways out of problems with the dashboard."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import TUNNEL, jellyfin
from tests.site.ways_out.stacks import both

PAGE = {"homepage": {"host": "pi", "auth": "native"}}
LINK = {"title": "Cloudflare", "url": "https://dash.cloudflare.com", "group": "Netwrk"}

KEYED = {
    "homepage": {**PAGE["homepage"], "secrets": {"jellyfin": {"env": "HOMEPAGE_VAR_JELLYFIN"}}}
}
NAMED = {"type": "jellyfin", "key": {"$secret": "jellyfin"}}

SHOWN = {"jellyfin": {"host": "nas"}}


def shown(widget: Changes, page: Changes = KEYED) -> Changes:
    """Jellyfin with a widget on its tile, and the dashboard."""
    return {"services": {**page, "jellyfin": {"host": "nas", "tile": {"widget": widget}}}}


WAYS = (
    WayOut(
        "tile-widget",
        shown({**NAMED, "key": "0123456789abcdef"}),
        jellyfin(tile={"widget": NAMED}),
        says="plain text",
    ),
    WayOut(
        "tile-widget",
        shown({**NAMED, "headers": {"X-Api-Key": "0123456789abcdef"}}),
        jellyfin(tile={"widget": {**NAMED, "headers": {"X-Api-Key": {"$secret": "jellyfin"}}}}),
        says="plain text",
    ),
    WayOut(
        "tile-widget",
        shown({**NAMED, "url": {"$text": "{url}"}}),
        jellyfin(tile={"widget": {**NAMED, "url": None}}),
        says="no reference",
    ),
    WayOut(
        "tile-widget",
        shown({**NAMED, "key": {"$secret": "jelyfin"}}),
        jellyfin(tile={"widget": NAMED}),
        says="no secret",
    ),
    WayOut(
        "tile-widget",
        shown(NAMED, PAGE),
        {"services": KEYED},
        says="no secret",
        asked={"HOMEPAGE_VAR_JELLYFIN": "env: HOMEPAGE_VAR_JELLYFIN"},
    ),
    WayOut(
        "tile-widget",
        shown(NAMED, {"homepage": {**PAGE["homepage"], "secrets": {"jellyfin": {"env": "KEY"}}}}),
        {"services": KEYED},
        says="start with",
    ),
    WayOut(
        "tile-widget",
        shown(NAMED, {"glance": {"host": "pi", "auth": "native"}}),
        jellyfin(tile=None),
        says="does not run here",
    ),
    WayOut(
        "dashboard-group-known",
        {"services": {**PAGE, "jellyfin": {"host": "nas", "tile": {"group": "Meda"}}}},
        jellyfin(tile={"group": "Media"}),
    ),
    WayOut(
        "dashboard-group-known",
        {"services": PAGE, "dashboard": {"links": [LINK]}},
        {"dashboard": {"links": [{**LINK, "group": "Network"}]}},
    ),
    WayOut(
        "local-links",
        {**TUNNEL, "services": {**PAGE, **SHOWN}, "dashboard": {"local_links": True}},
        {"dashboard": {"local_links": None}},
    ),
    WayOut(
        "local-links",
        both(
            TUNNEL,
            {
                "services": {**PAGE, "miniflux": {"host": "pi", "publish": "tunnel"}},
                "dashboard": {"local_links": True},
                "hosts": {
                    "pi": {"address": {"tailnet": None}},
                    "nas": {"address": {"tailnet": None}},
                },
                "network": {"entry": {"host": "pi"}, "dns": {"host": None, "server": "none"}},
            },
        ),
        {
            "services": {
                "miniflux": {
                    "publish": None,
                    "routes": [{"publish": "tunnel", "lan_direct": True}],
                }
            }
        },
        says="no link",
    ),
    WayOut(
        "dashboard-runs",
        {"dashboard": {"local_links": True}},
        {"dashboard": {"local_links": None}},
    ),
    WayOut(
        "icon-missing",
        {
            "services": {**PAGE, "jellyfin": {"host": "nas", "tile": {"icon": "/icons/film.svg"}}},
            "dashboard": {"icons": "icons"},
        },
        jellyfin(tile={"icon": "film"}),
        says="there is no",
        asked={"film": "the name of an icon"},
    ),
    WayOut(
        "icon-missing",
        {
            "services": {**PAGE, "jellyfin": {"host": "nas", "tile": {"icon": "mdi-movie"}}},
            "dashboard": {"icons": "icons"},
        },
        {},
        says="jsdelivr.net",
        files={"icons/other.svg": build.SVG},
        fixed={"icons/jellyfin.svg": ""},
    ),
)
