"""Ways out of what is wrong with backups."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut


def jellyfin(**config: object) -> Changes:
    """A service that needs nothing but a host."""
    return {"services": {"jellyfin": {"host": "nas", **config}}}


CONTAINER = {
    "host": "nas",
    "container": {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80},
    "auth": "native",
    "tile": {"group": "Tools"},
}

WAYS = (
    WayOut(
        "backup-intent",
        {"services": {"draw": CONTAINER}},
        {"services": {"draw": {"backup": {"skip": "keeps nothing"}}}},
    ),
    WayOut(
        "backup-intent",
        {"services": {"draw": CONTAINER}},
        {"services": {"draw": {"backup": {"include": ["/var/lib/draw"]}}}},
        asked={"/var/lib/draw": "include: [/var/lib/…]"},
    ),
    WayOut(
        "backup-target-known",
        jellyfin(backup={"targets": ["b22"]}),
        jellyfin(backup={"targets": ["b2"]}),
    ),
    WayOut(
        "dump-before-backup",
        {"backup": {"dump_at": "05:00"}, "services": {"miniflux": {"host": "nas"}}},
        {"backup": {"dump_at": "03:00"}},
        asked={"03:00": "let dump_at be earlier"},
    ),
)
