"""Ways out of what a wiped root would lose."""

from __future__ import annotations

from tests.site.ways_out.model import WayOut
from tests.site.ways_out.stacks import FORGETS, PERSIST, host, own

_KEEPS = host("nas", persistence={"root": "/persist"})
_UNIT = 'systemd.services.x.serviceConfig.StateDirectory = "thing";'
_MONGODB = "services.mongodb.enable = true;"

WAYS = (
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"directories": ["/var/lib/thing"]}),
        says="systemd.services.x.serviceConfig.StateDirectory",
        files=own(FORGETS, PERSIST, _UNIT),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"forget": {"/var/lib/thing": "it is rebuilt"}}),
        says="systemd.services.x.serviceConfig.StateDirectory",
        asked={"it is rebuilt": "persistence.forget: {/var/lib/thing: …}"},
        files=own(FORGETS, PERSIST, _UNIT),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        {},
        says="services.mongodb",
        files=own(FORGETS, PERSIST, _MONGODB),
        fixed=own(
            FORGETS,
            PERSIST,
            _MONGODB,
            'environment.persistence."/persist".directories = '
            '[ { directory = "/var/db/mongodb"; user = "mongodb"; } ];',
        ),
    ),
)
"""Rows of the checks of persistence, and of openings that take something away from it."""
