"""Ways out of problems with datasets over NFS."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.snapshots import BOX, dataset
from tests.site.ways_out.stacks import IDENTITY, MACS, both, container, host, service, unit


def exported(*more: Changes, **said: object) -> Changes:
    """A dataset of nas that pi mounts."""
    return both(dataset("tv", nfs={"hosts": {"pi": "/mnt/tv"}, **said}), *more)


def mounted(**hosts: object) -> Changes:
    return {"datasets": {"tv": {"nfs": {"hosts": hosts}}}}


def _player(on: str = "pi", /, **said: object) -> Changes:
    uses = {"tv": {"target": "/tv", **said}}
    return service("player", **container(on, datasets=uses, auth="none"))


def _copied(*more: Changes, **said: object) -> Changes:
    """A dataset of nas with a replica on pi."""
    sent = {"fs": "btrfs", "replicate": {"to": "pi", "path": "/srv/tv"}}
    return both(dataset("tv", tier="user", **{**sent, **said}), *more)


def _sorter(on: str, **said: object) -> Changes:
    uses = {"datasets": {"tv": "tv"}, **said}
    return service("sorter", **unit(on, {"writes": ["tv"]}, **uses))


WAYS = (
    WayOut("nfs-hosts", dataset("tv", nfs={"hosts": {}}), mounted(pi="/mnt/tv")),
    WayOut(
        "nfs-hosts",
        dataset("tv", nfs={"hosts": {}}),
        {"datasets": {"tv": {"nfs": None}}},
    ),
    WayOut(
        "nfs-hosts",
        dataset("tv", nfs={"hosts": {"pie": "/mnt/tv"}}),
        mounted(pie=None, pi="/mnt/tv"),
        says="no host",
    ),
    WayOut(
        "nfs-hosts",
        both(MACS, exported(mounted(mac="/mnt/tv"))),
        mounted(mac=None),
        says="home-manager",
    ),
    WayOut("nfs-hosts", exported(mounted(nas="/mnt/copy")), mounted(nas=None), says="itself"),
    WayOut(
        "nfs-hosts",
        both(exported(mounted(box="/mnt/tv")), {"hosts": {"box": {**BOX, "role": "agent"}}}),
        mounted(box=None),
        says="untrusted",
    ),
    WayOut(
        "nfs-place",
        both(exported(), dataset("films", "pi", path="/mnt/tv/films")),
        mounted(pi="/mnt/nas/tv"),
        says="has the dataset films",
    ),
    WayOut(
        "nfs-place",
        exported(
            host("pi", file_systems={"/mnt/tv": {"fs": "ext4", "from": "/dev/disk/by-label/tv"}})
        ),
        mounted(pi="/mnt/nas/tv"),
        says="file_systems",
    ),
    WayOut(
        "nfs-place",
        exported(
            dataset(
                "photos",
                fs="btrfs",
                snapshot="daily",
                replicate={"to": "pi", "path": "/mnt/tv/photos"},
            )
        ),
        mounted(pi="/mnt/nas/tv"),
        says="replica",
    ),
    WayOut(
        "nfs-awake",
        both(exported(host("nas", always_on=False)), _player()),
        host("nas", always_on=True),
    ),
    WayOut(
        "nfs-awake",
        both(exported(host("nas", always_on=False)), _player()),
        service("player", host="nas"),
    ),
    WayOut(
        "nfs-write",
        both(exported(read_only=True), _player()),
        {"datasets": {"tv": {"nfs": {"read_only": None}}}},
        says="read-only",
    ),
    WayOut(
        "nfs-write",
        both(exported(read_only=True), _player()),
        service("player", host="nas"),
        says="read-only",
    ),
    WayOut(
        "nfs-write",
        both(exported(), service("immich", host="pi", datasets={"photos": "tv"}), IDENTITY),
        service("immich", host="nas"),
        says="keeps its state",
    ),
    WayOut(
        "replica-read",
        _copied(_player()),
        mounted(pi="/mnt/tv"),
        says="which is read-only",
    ),
    WayOut(
        "replica-read",
        _copied(_player()),
        service("player", host="nas"),
        says="which is read-only",
    ),
    WayOut(
        "replica-read",
        both(_copied(), service("immich", host="pi", datasets={"photos": "tv"}), IDENTITY),
        service("immich", host="nas"),
        says="which is read-only",
    ),
    WayOut(
        "replica-read",
        _copied(_player(read_only=True)),
        mounted(pi="/mnt/tv"),
        says="a container keeps the snapshot",
    ),
    WayOut(
        "replica-read",
        _copied(_player(read_only=True)),
        service(
            "player",
            datasets=None,
            container={
                "mounts": [{"source": "/srv/tv", "target": "/tv", "read_only": True}],
            },
        ),
        says="a container keeps the snapshot",
    ),
    WayOut(
        "replica-read",
        _copied(service("jellyfin", host="pi", datasets={"media": "tv"}), IDENTITY, mode="2770"),
        {"datasets": {"tv": {"mode": "2775"}}},
        says="may not read its replica",
    ),
    WayOut(
        "nfs-ids",
        both(exported(squash=False), _player()),
        {"datasets": {"tv": {"nfs": {"squash": None}}}},
    ),
    WayOut(
        "nfs-ids",
        both(exported(squash=False), _sorter("pi")),
        service("sorter", ids={}),
    ),
    WayOut(
        "nfs-ids",
        both(
            exported(squash=False),
            _sorter("pi", ids={"uid": 450}),
            service("other", **unit("nas", ids={"uid": 450, "gid": 451}, port=8010)),
        ),
        {"datasets": {"tv": {"nfs": {"squash": None}}}},
        says="somebody else",
    ),
)
