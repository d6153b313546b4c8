"""Ways out of problems with the dashboard."""

from __future__ import annotations

from tests.site.ways_out.model import WayOut
from tests.site.ways_out.parts import jellyfin

PAGE = {"homepage": {"host": "pi", "auth": "native"}}
LINK = {"title": "Cloudflare", "url": "https://dash.cloudflare.com", "group": "Netwrk"}

WAYS = (
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
)
