"""Ways out of problems with snapshots and replicas."""

from __future__ import annotations

from homelab.config.lock import Lock
from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import IDENTITY, MACS, both, container, host, service

BOX = {
    **build.SMALLEST["hosts"]["nas"],
    "address": {"lan": "192.168.1.9"},
    "ssh": {"host_key": build.host_key("box")},
    "always_on": False,
}  # type: ignore[index]
END, AGE, AWAKE = "replica-endpoints", "replica-age", "replica-awake"


def dataset(name: str, /, host: str = "nas", tier: str = "re-derivable", **said: object) -> Changes:
    return {"datasets": {name: {"host": host, "path": f"/mnt/{name}", "tier": tier, **said}}}


def _sent(*stated: Changes, name: str = "tv", **replicate: object) -> Changes:
    to: Changes = {"to": "pi", "path": f"/srv/{name}", **replicate}
    return both(dataset(name, fs="btrfs", snapshot="daily", replicate=to), *stated)


POOLS = host("pi", pools={"bulk": {"kind": "zfs"}})


def _on_zfs(*stated: Changes, **replicate: object) -> Changes:
    to: Changes = {"to": "pi", **replicate}
    sent = dataset("tv", zfs="tank/tv", snapshot="daily", replicate=to)
    return both(sent, host("pi", host_id="deadbeef"), host("nas", host_id="deadbee0"), *stated)


def changed(**replicate: object) -> Changes:
    return {"datasets": {"tv": {"replicate": replicate}}}


def _held(host: str, place: str) -> Lock:
    copy = {"host": host, "place": place}
    return Lock.model_validate(
        {"datasets": {"tv": {"host": "nas", "path": "/mnt/tv", "replica": copy}}}
    )


WAYS = (
    WayOut(
        "replica-moved",
        both(_sent(), {"datasets": {"tv": {"tier": "user"}}}),
        changed(path="/srv/old"),
        lock=_held("pi", "/srv/old"),
        says="was /srv/old on pi",
    ),
    WayOut(
        "replica-moved",
        both(_on_zfs(POOLS, zfs="bulk/tv"), {"datasets": {"tv": {"tier": "user"}}}),
        changed(zfs="bulk/old"),
        lock=_held("pi", "bulk/old"),
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", fs="ext4", snapshot="hourly"),
        {"datasets": {"tv": {"snapshot": "none"}}},
        says="ext4 has no snapshots",
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", fs="ext4", quota="1 TB"),
        {"datasets": {"tv": {"fs": "btrfs"}}},
        says="ext4 has no quotas",
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", snapshot="daily"),
        {"datasets": {"tv": {"fs": "btrfs"}}},
        says="not known",
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", quota="1 TB"),
        {"datasets": {"tv": {"zfs": "tank/tv"}}},
        says="not known",
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", fs="zfs", snapshot="daily"),
        {"datasets": {"tv": {"zfs": "tank/tv"}}},
        says="name of the ZFS dataset",
    ),
    WayOut(
        "snapshot-fs",
        dataset("tv", path="/mnt/my tv", fs="btrfs", snapshot="daily"),
        {"datasets": {"tv": {"snapshot": "none"}}},
        says="btrbk cannot",
    ),
    WayOut(
        "zfs-shared",
        both(dataset("a", zfs="tank/a"), dataset("b", zfs="tank/a")),
        {"datasets": {"b": {"zfs": None}}},
    ),
    WayOut(END, _sent(to="pie"), changed(to="pi"), says="no host"),
    WayOut(END, _sent(MACS, to="mac"), changed(to="pi"), says="home-manager only"),
    WayOut(
        END,
        _sent({"datasets": {"tv": {"snapshot": "none"}}}),
        {"datasets": {"tv": {"snapshot": "daily"}}},
        says="has no snapshots",
    ),
    WayOut(
        END,
        _sent({"datasets": {"tv": {"fs": None, "zfs": "tank/tv"}}}, host("pi", host_id="deadbeef")),
        changed(path=None, zfs="tank/copies/tv"),
        asked={"tank/copies/tv": "write zfs"},
        says="only a ZFS dataset can receive",
    ),
    WayOut(
        END,
        _sent(path=None, zfs="tank/copies/tv"),
        changed(path="/mnt/copies/tv", zfs=None),
        asked={"/mnt/copies/tv": "write path"},
        says="ZFS cannot receive",
    ),
    WayOut(
        END,
        _on_zfs(zfs="tank"),
        changed(zfs="tank/copies/tv"),
        says="is a pool",
    ),
    WayOut(
        END,
        _on_zfs(POOLS, zfs="tank/tv"),
        changed(zfs="bulk/tv"),
        says="has no pool tank",
    ),
    WayOut(
        END,
        both(_on_zfs(zfs="tank/tv"), dataset("books", "pi", zfs="tank/tv")),
        changed(zfs="tank/copies"),
        asked={"tank/copies": "name a ZFS dataset"},
        says="at or inside tank/tv of",
    ),
    WayOut(
        END,
        _sent(path="/srv/my tv"),
        changed(path="/srv/tv"),
        says="btrbk cannot send",
        asked={"/srv/tv": "name a directory"},
    ),
    WayOut(
        END,
        both(_sent(), _sent(name="films", path="/srv/tv/films")),
        changed(path="/srv/series"),
        asked={"/srv/series": "a directory of its own"},
        says="at or inside",
    ),
    WayOut(
        END,
        _sent(dataset("books", "pi", path="/srv", fs="ext4")),
        changed(path="/copies/tv"),
        asked={"/copies/tv": "name a directory"},
        says="which is on ext4",
    ),
    WayOut(
        END,
        _sent({"site": {"members": {"replica-tv": {"email": "kim@example.org"}}}}),
        {"datasets": {"tv": {"replicate": None}}},
        says="person's",
    ),
    WayOut("replica-distinct-host", _sent(to="nas"), changed(to="pi")),
    WayOut(AGE, _sent(max_age_hours=20), changed(max_age_hours=36)),
    WayOut(AGE, _sent(every="hourly", max_age_hours=1), changed(max_age_hours=2)),
    WayOut(
        AWAKE,
        both(host("box", **BOX), _sent(to="box")),
        changed(every="hourly", max_age_hours=168),
    ),
    WayOut(
        "path-literal",
        both(
            dataset("tv"),
            service("a", **container(inside={"mounts": [{"source": "/mnt/tv", "target": "/tv"}]})),
        ),
        service("a", container={"mounts": None}, datasets={"tv": "/tv"}),
    ),
    WayOut(
        "path-literal",
        both(
            dataset("tv"),
            service(
                "a",
                **container(
                    inside={
                        "mounts": [{"source": "/mnt/tv/new", "target": "/tv", "read_only": True}]
                    }
                ),
            ),
        ),
        service(
            "a",
            container={"mounts": None},
            datasets={"tv": {"target": "/tv", "read_only": True}},
        ),
    ),
    WayOut(
        "path-literal",
        both(
            IDENTITY,
            dataset("music"),
            service(
                "navidrome",
                host="nas",
                options={"services.navidrome.settings.MusicFolder": "/mnt/music"},
            ),
        ),
        service("navidrome", options=None, datasets={"music": "music"}),
    ),
)
