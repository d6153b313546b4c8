"""Ways out of problems with backups."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import draw, jellyfin, vote
from tests.site.ways_out.service_containers import BACKUP
from tests.site.ways_out.stacks import both, machine


def database(**config: object) -> Changes:
    """A container that is a database."""
    image = f"docker.io/library/postgres:17@sha256:{'0' * 64}"
    mine = {
        "host": "nas",
        "container": {"image": image, "port": 5432},
        "auth": "native",
        "tile": {"group": "Tools"},
        "state": ["/var/lib/draw"],
    }
    return {"services": {"draw": {**mine, **config}}}


def targets(**named: object) -> Changes:
    return {"backup": {"targets": named}}


FILMS = {**draw()["services"]["draw"], "state": ["/var/lib/films"]}  # type: ignore[index]
DISK = {"kind": "local", "host": "nas", "path": "/mnt/disk"}


def writing(source: str, **config: object) -> Changes:
    """A container that writes a further directory."""
    image = f"docker.io/a/b:1@sha256:{'0' * 64}"
    mounts = [{"source": "/var/lib/draw", "target": "/a"}, {"source": source, "target": "/b"}]
    inside = {"image": image, "port": 80, "mounts": mounts}
    return draw(container=inside, state=["/var/lib/draw"], **config)


def with_database_away(mounts: object = (), **config: object) -> Changes:
    """A container whose database is on another host."""
    image = f"docker.io/a/b:1@sha256:{'0' * 64}"
    inside = {"image": image, "port": 80, **({"mounts": mounts} if mounts else {})}
    return draw(container=inside, databases={"postgresql": {"host": "pi"}}, **config)


SHELF = {"kind": "sftp", "host": "nas", "path": "/mnt/shelf"}


def offload(targets: Changes | None = None, **named: object) -> Changes:
    """Targets beside b2, and offloads."""
    return {"backup": {"targets": {"shelf": SHELF, **(targets or {})}, "offload": named}}


BACKREST = (
    WayOut(
        "backrest-jobs",
        {"services": {"jellyfin": jellyfin()["services"]["jellyfin"], "backrest": {"host": "pi"}}},  # type: ignore[index]
        {"services": {"backrest": {"host": "nas"}}},
    ),
)
OFFLOADS = (
    WayOut(
        "backup-offload",
        offload(copy={"from": "b3", "to": "shelf"}),
        {"backup": {"offload": {"copy": {"from": "b2"}}}},
    ),
    WayOut(
        "backup-offload",
        offload(copy={"from": "b2", "to": "shelf"}, again={"from": "b2", "to": "shelf"}),
        {"backup": {"offload": {"again": None}}},
    ),
    WayOut(
        "backup-offload",
        offload(
            {"more": {**SHELF, "path": "/mnt/more", "user": "more"}},
            copy={"from": "b2", "to": "shelf"},
            again={"from": "shelf", "to": "more"},
        ),
        {"backup": {"offload": {"again": {"from": "b2"}}}},
    ),
    WayOut(
        "backup-offload",
        offload(
            {"more": {"kind": "b2", "path": "two/x", "credentials": {"sops": "restic/more"}}},
            copy={"from": "b2", "to": "more"},
        ),
        {"backup": {"targets": {"more": {"credentials": {"sops": "restic/b2"}}}}},
    ),
    WayOut(
        "backup-offload",
        both(
            offload(copy={"from": "b2", "to": "shelf"}),
            jellyfin(backup={"targets": ["b2", "shelf"]}),
        ),
        jellyfin(backup={"targets": ["b2"]}),
    ),
    WayOut(
        "backup-offload",
        both(
            jellyfin(host="pi"),
            offload({"shelf": {**SHELF, "kind": "local"}}, copy={"from": "b2", "to": "shelf"}),
        ),
        {"backup": {"targets": {"shelf": {"kind": "sftp"}}}},
    ),
)

WAYS = (
    *BACKUP,
    WayOut(
        "backup-intent",
        draw(),
        {"services": {"draw": {"backup": {"skip": "keeps nothing"}}}},
    ),
    WayOut(
        "backup-intent",
        draw(),
        {"services": {"draw": {"backup": {"include": ["/var/lib/draw"]}}}},
        asked={"/var/lib/draw": "include: [/var/lib/…]"},
    ),
    WayOut(
        "backup-mount",
        writing("/var/lib/more"),
        {"services": {"draw": {"state": ["/var/lib/draw", "/var/lib/more"]}}},
    ),
    WayOut(
        "backup-mount",
        writing("/srv/more"),
        {"services": {"draw": {"backup": {"include": ["/var/lib/draw"]}}}},
    ),
    WayOut(
        "backup-mount",
        with_database_away(mounts=[{"source": "/srv/pad", "target": "/data"}]),
        {"services": {"draw": {"state": ["/srv/pad"]}}},
    ),
    WayOut(
        "backup-live",
        with_database_away(backup={"live": "it sleeps at night"}),
        {"services": {"draw": {"backup": {"live": None}}}},
    ),
    WayOut(
        "backup-writable",
        jellyfin(harden={"read_write": ["/srv/films"]}),
        jellyfin(state=["/srv/films"]),
    ),
    WayOut(
        "backup-writable",
        jellyfin(harden={"read_write": ["/srv/films"]}),
        jellyfin(backup={"include": ["/var/lib/jellyfin"]}),
    ),
    WayOut(
        "backup-dump",
        database(),
        {"services": {"draw": {"backup": {"dump": {"postgresql": "draw"}}}}},
        asked={"draw": "postgresql: its database"},
    ),
    WayOut(
        "backup-dump",
        database(),
        {"services": {"draw": {"backup": {"live": "it is stopped at night"}}}},
        asked={"it is stopped at night": "live: why a copy of the files is usable"},
    ),
    WayOut(
        "backup-exclude",
        jellyfin(backup={"exclude": ["/var/lib/jellyfin"]}),
        jellyfin(backup={"exclude": ["/var/lib/jellyfin/metadata"]}),
        asked={"/var/lib/jellyfin/metadata": "exclude a part of it"},
    ),
    WayOut(
        "backup-exclude",
        jellyfin(backup={"exclude": ["/var/lib/jellyfin/metadata"], "skip": "it is easily made"}),
        jellyfin(backup={"exclude": None}),
    ),
    WayOut(
        "backup-exclude",
        jellyfin(backup={"exclude": ["/var/lib/*"]}),
        jellyfin(backup={"exclude": ["/var/lib/*/metadata"]}),
        asked={"/var/lib/*/metadata": "exclude a part of it"},
    ),
    WayOut(
        "backup-exclude",
        {**jellyfin(), "backup": {"exclude": ["/var/lib/jellyfin"]}},
        {"backup": {"exclude": ["/var/lib/jellyfin/metadata"]}},
        asked={"/var/lib/jellyfin/metadata": "exclude a part of it"},
    ),
    WayOut(
        "hook-paired",
        jellyfin(backup={"before": ["pause"]}),
        jellyfin(backup={"after": ["resume"]}),
        asked={"resume": "after: [the command that ends it]"},
    ),
    WayOut(
        "hook-paired",
        jellyfin(backup={"before": ["sync"]}),
        jellyfin(backup={"no_after": "it only writes files"}),
        asked={"it only writes files": "no_after: why nothing has to end it"},
    ),
    WayOut(
        "hook-paired",
        jellyfin(backup={"no_after": "it only writes files"}),
        jellyfin(backup={"no_after": None}),
    ),
    WayOut(
        "hook-needed",
        jellyfin(backup={"no_maintenance": "we watch films at night"}),
        jellyfin(backup={"no_maintenance": None}),
    ),
    WayOut(
        "hook-needed",
        {
            "services": {
                "languagetool": {
                    "host": "nas",
                    "audience": "operator",
                    "auth": "none",
                    "backup": {"after": ["x"]},
                }
            }
        },
        {"services": {"languagetool": {"backup": {"after": None}}}},
    ),
    WayOut(
        "dynamic-user-path",
        both(
            {"services": {"uptime-kuma": {"host": "nas"}}},
            {"backup": {"extra": {"more": {"host": "nas", "paths": ["/var/lib/uptime-kuma"]}}}},
        ),
        {"backup": {"extra": {"more": {"paths": ["/var/lib/private/uptime-kuma"]}}}},
    ),
    WayOut(
        "dump-before-backup",
        {"services": {"miniflux": {"host": "nas", "backup": {"at": "03:00"}}}},
        {"services": {"miniflux": {"backup": {"at": "05:00"}}}},
        asked={"05:00": "a time after backup.dump_at"},
    ),
    WayOut(
        "backup-include",
        jellyfin(backup={"include": ["/srv/films"]}),
        jellyfin(backup={"include": ["/var/lib/jellyfin", "/srv/films"]}),
    ),
    WayOut(
        "backup-same-disk",
        {
            "datasets": {
                "photos": {
                    "host": "nas",
                    "path": "/mnt/disk/photos",
                    "mount": "/mnt/disk",
                    "tier": "irreplaceable",
                }
            },
            "backup": {"targets": {"b2": None, "disk": {**DISK, "path": "/mnt/disk/restic"}}},
        },
        targets(b2={"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}),
        asked={"bucket/restic": "path: bucket/…", "restic/b2": "credentials: {sops: …}"},
    ),
    WayOut(
        "irreplaceable-copies",
        {
            "datasets": {
                "photos": {"host": "nas", "path": "/mnt/a/photos", "tier": "irreplaceable"}
            },
            "backup": {"targets": {"b2": None, "disk": DISK}},
        },
        targets(b2={"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}),
        asked={"bucket/restic": "path: bucket/…", "restic/b2": "credentials: {sops: …}"},
    ),
    WayOut(
        "irreplaceable-copies",
        {"datasets": {"photos": {"host": "nas", "path": "/mnt/a/photos", "tier": "irreplaceable"}}},
        targets(disk={**DISK, "path": "/mnt/disk/restic"}),
        asked={"/mnt/disk/restic": "path: /mnt/DISK/restic", "disk": "kind: local"},
        warns=("target-mounted",),
    ),
    WayOut(
        "backup-target-known",
        jellyfin(backup={"targets": ["b22"]}),
        jellyfin(backup={"targets": ["b2"]}),
    ),
    WayOut(
        "backup-target-known",
        targets(disk={**DISK, "host": "nass"}),
        targets(disk={"host": "nas"}),
        warns=("target-mounted",),
    ),
    WayOut(
        "backup-has-target",
        {"backup": {"targets": None}, **jellyfin()},
        targets(disk=DISK),
        asked={"nas": "host: …", "/mnt/disk": "path: /mnt/…"},
        warns=("target-mounted",),
    ),
    WayOut(
        "backup-has-target",
        {"backup": {"targets": None}, **jellyfin()},
        jellyfin(backup={"skip": "films can be had again"}),
    ),
    WayOut(
        "backup-has-target",
        {
            "backup": {"targets": {"b2": None, "disk": DISK}},
            "services": {"jellyfin": {"host": "pi"}},
        },
        targets(b2={"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}),
        asked={"bucket/restic": "path: bucket/…"},
        # The local target stays without a job.
        warns=("named-unused",),
    ),
    WayOut(
        "backup-repository-known",
        {
            **jellyfin(),
            **targets(
                b2={
                    "kind": "b2",
                    "path": "bucket/restic",
                    "credentials": {"sops": "restic/b2"},
                    "repositories": {"nass": "bucket/old"},
                }
            ),
        },
        targets(b2={"repositories": {"nass": None, "nas": "bucket/old"}}),
    ),
    WayOut(
        "backup-target-single",
        targets(
            disk={"kind": "sftp", "host": "nas", "path": "/mnt/disk"},
            more={"kind": "sftp", "host": "nas", "path": "/mnt/disk"},
        ),
        targets(more={"path": "/mnt/more"}),
        asked={"/mnt/more": "give each its own directory"},
    ),
    *BACKREST,
    *OFFLOADS,
    WayOut(
        "backup-rest-single",
        both(
            jellyfin(host="pi"),
            targets(
                disk={"kind": "rest", "host": "nas", "path": "/mnt/disk"},
                more={"kind": "rest", "host": "nas", "path": "/mnt/more"},
            ),
        ),
        targets(more={"kind": "sftp"}),
        asked={"sftp": "write more with kind: sftp"},
    ),
    WayOut(
        "backup-rest-plain",
        both(
            jellyfin(host="pi"),
            targets(disk={"kind": "rest", "host": "nas", "path": "/mnt/disk"}),
        ),
        targets(disk={"kind": "sftp"}),
        asked={"sftp": "write kind: sftp"},
    ),
    WayOut(
        "backup-rest-plain",
        targets(far={"kind": "rest", "path": "http://backup.example.net/me"}),
        targets(far={"path": "https://backup.example.net/me"}),
        asked={"https://backup.example.net/me": "write https://backup.example.net/me"},
    ),
    WayOut(
        "backup-target-login",
        both(
            jellyfin(host="pi"),
            targets(
                disk={"kind": "sftp", "host": "nas", "path": "/mnt/disk"},
                more={"kind": "sftp", "host": "nas", "path": "/mnt/more"},
            ),
        ),
        targets(more={"user": "restic-more"}),
        asked={"restic-more": "write another user: restic-more"},
    ),
    WayOut(
        "backup-target-nested",
        targets(
            disk={"kind": "local", "host": "nas", "path": "/mnt/disk"},
            more={"kind": "local", "host": "nas", "path": "/mnt/disk/pi"},
        ),
        targets(more={"path": "/mnt/more"}),
        asked={"/mnt/more": "name a directory beside it"},
    ),
    WayOut(
        "backup-target-single",
        {
            "datasets": {"films": {"host": "nas", "path": "/srv/films", "tier": "user"}},
            "services": {"dataset-films": FILMS},
        },
        {"services": {"dataset-films": None, "cinema": FILMS}},
        asked={"cinema": "rename one of them"},
    ),
    WayOut(
        "backup-target-root",
        {
            "backup": {
                "targets": {"disk": {"kind": "sftp", "host": "nas", "path": "/mnt/a/restic"}}
            },
            "datasets": {"all": {"host": "nas", "path": "/mnt/a", "tier": "re-derivable"}},
        },
        targets(disk={"path": "/mnt/b/restic"}),
        asked={
            "/mnt/b/restic": "name a directory outside every dataset, such as /mnt/<disk>/restic"
        },
        warns=("target-mounted",),
    ),
    WayOut(
        "backup-target-root",
        targets(disk={"kind": "local", "host": "nas", "path": "/etc"}),
        targets(disk={"path": "/mnt/disk/restic"}),
        says="directory of the system",
        asked={"/mnt/disk/restic": "as /mnt/<disk>/restic"},
        warns=("target-mounted",),
    ),
    WayOut(
        "backup-target-root",
        {
            **jellyfin(),
            **targets(disk={"kind": "local", "host": "nas", "path": "/var/lib/jellyfin/restic"}),
        },
        targets(disk={"path": "/mnt/disk/restic"}),
        says="the state of jellyfin",
        asked={"/mnt/disk/restic": "as /mnt/<disk>/restic"},
        warns=("target-mounted",),
    ),
    WayOut(
        "role-backup",
        {"hosts": {"nas": {"role": "agent"}}, **jellyfin(routes=[])},
        jellyfin(backup={"skip": "films can be had again"}),
    ),
    WayOut(
        "role-backup",
        {
            "hosts": {"nas": {"flash": True}},
            "backup": {"targets": {"disk": DISK}},
            **jellyfin(backup={"targets": ["disk"]}),
        },
        jellyfin(backup={"targets": ["b2"]}),
        asked={"b2": "set backup.targets without disk"},
    ),
    WayOut(
        "role-backup",
        {
            "hosts": {"box": machine("192.168.1.9", role="agent")},
            "backup": {"targets": {"disk": {**DISK, "host": "box"}}},
        },
        {"backup": {"targets": {"disk": {"host": "nas"}}}},
        says="must not reach backups",
    ),
    WayOut(
        "role-backup",
        {
            "hosts": {"box": machine("192.168.1.9", role="agent")},
            "datasets": {"films": {"host": "box", "path": "/srv/films", "tier": "user"}},
        },
        {"datasets": {"films": {"backup": "they can be had again"}}},
        where="datasets",
    ),
    WayOut(
        "dynamic-user-path",
        vote(backup={"include": ["/var/lib/vote"]}),
        vote(backup={"include": ["/var/lib/private/vote"]}),
    ),
    WayOut(
        "backup-state",
        {
            "hosts": {"nas": {"ssh": {"local": True}}},
            "backup": {"extra": {"home": {"host": "nas", "paths": ["/home/sam"]}}},
        },
        {"backup": {"extra": {"home": {"exclude": ["/home/sam/.pulumi"]}}}},
    ),
    WayOut(
        "backup-state",
        {"backup": {"extra": {"mine": {"host": "nas", "paths": ["/srv/x", "/srv/.pulumi/y"]}}}},
        {"backup": {"extra": {"mine": {"paths": ["/srv/x"]}}}},
    ),
    WayOut(
        "dump-before-backup",
        {"backup": {"dump_at": "05:00"}, "services": {"miniflux": {"host": "nas"}}},
        {"backup": {"dump_at": "03:00"}},
        asked={"03:00": "set dump_at to a time before at"},
    ),
)
