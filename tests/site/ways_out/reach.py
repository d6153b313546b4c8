"""Ways out of unexpected openings and names."""

from __future__ import annotations

from tests.site.ways_out.model import WayOut
from tests.site.ways_out.stacks import IDENTITY, both, service

WAYS = (
    WayOut(
        "exposure-never",
        both(
            IDENTITY,
            service(
                "navidrome", host="nas", never_publish="it is mine", routes=[{"name": "music"}]
            ),
        ),
        service("navidrome", routes=[]),
        says="has the name",
    ),
    WayOut(
        "exposure-never",
        both(
            IDENTITY,
            service(
                "navidrome", host="nas", never_publish="it is mine", routes=[{"name": "music"}]
            ),
        ),
        service("navidrome", never_publish=None),
        says="has the name",
    ),
    WayOut(
        "exposure-never",
        both(
            service("prometheus", host="nas", never_publish="it is mine"),
            service("jellyfin", host="pi", uses=["prometheus"]),
        ),
        service("jellyfin", host="nas"),
        says="reaches",
    ),
)
