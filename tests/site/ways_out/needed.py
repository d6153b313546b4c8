"""Hosts that others need, and that are planned or retired."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import IDENTITY, both, host, machine, service

NAVIDROME = service("navidrome", host="pi")
SHELF = {"kind": "sftp", "host": "nas", "path": "/mnt/shelf"}
"""A target for the backups of pi."""
FILMS = {"path": "/srv/films", "tier": "re-derivable"}
COPIED = both(
    host("nas", state="planned"),
    {
        "datasets": {
            "films": {
                **FILMS,
                "host": "pi",
                "fs": "btrfs",
                "snapshot": "daily",
                "replicate": {"to": "nas", "path": "/mnt/copies/films"},
            }
        }
    },
)
MOUNTED: Changes = {
    "datasets": {"films": {**FILMS, "host": "nas", "nfs": {"hosts": {"pi": "/mnt/films"}}}}
}
LIVE = host("nas", state="live")


def target(state: str, **said: object) -> Changes:
    """A host in this state, and the backups of another one on it."""
    shelf = {"backup": {"targets": {"shelf": {**SHELF, **said}}}}
    return both(IDENTITY, NAVIDROME, shelf, host("nas", state=state))


WAYS = (
    WayOut(
        "needed-host-state", target("retired"), LIVE, says="the backups of pi to shelf would end"
    ),
    WayOut("needed-host-state", target("planned"), LIVE, says="fail until it is live"),
    WayOut("needed-host-state", target("retired", kind="rest"), LIVE, says="to shelf would end"),
    WayOut(
        "needed-host-state",
        both(target("retired"), {"hosts": {"box": machine("192.168.1.9", "100.64.0.9")}}),
        {"backup": {"targets": {"shelf": {"host": "box"}}}},
        says="the backups of pi to shelf would end",
    ),
    WayOut("needed-host-state", COPIED, LIVE, says="the copies of films from pi"),
    WayOut(
        "needed-host-state",
        COPIED,
        {"datasets": {"films": {"replicate": None}}},
        says="the copies of films from pi",
    ),
    WayOut(
        "needed-host-state",
        both(MOUNTED, host("nas", state="retired")),
        LIVE,
        says="the mounts of films on pi",
    ),
    WayOut(
        "needed-host-state",
        both(MOUNTED, host("nas", state="retired")),
        {"datasets": {"films": {"nfs": None}}},
        says="the mounts of films on pi",
    ),
    WayOut(
        "needed-host-state",
        both(host("nas", state="retired"), host("pi", build={"host": "nas"})),
        host("pi", build={"host": None}),
        says="the builds of pi there",
    ),
    WayOut(
        "needed-host-state",
        both(host("nas", state="planned"), {"deploy": {"canary": "nas"}}),
        {"deploy": {"canary": "pi"}},
        says="the trials of releases for pi",
    ),
)
