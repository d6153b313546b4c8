"""Ways out of problems of services with several containers."""

from __future__ import annotations

from tests.site.ways_out.model import NULL, Changes, WayOut
from tests.site.ways_out.stacks import both, container, service

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
POSTGRES = f"docker.io/library/postgres:17@sha256:{'0' * 64}"


def parts(web: Changes | None = None, db: Changes | None = None, **said: object) -> Changes:
    """A service `a` with two containers and without state."""
    containers = {
        "web": {"image": IMAGE, "port": 80, **(web or {})},
        "db": {"image": IMAGE, **(db or {})},
    }
    return service(
        "a",
        **{
            "host": "nas",
            "containers": containers,
            "port": 8007,
            "auth": "none",
            "backup": {"skip": "it keeps nothing"},
            "tile": {"group": "Tools"},
            **said,
        },
    )


def inside(web: Changes | None = None, db: Changes | None = None) -> Changes:
    """An edit of the containers of `a`."""
    edits = {name: edit for name, edit in (("web", web), ("db", db)) if edit is not None}
    return service("a", containers=edits)


def template(content: object, language: str = "json") -> Changes:
    file = {"format": language, "content": content, "target": "/etc/a.conf"}
    return {"templates": {"c": file}}


def dumped(*dumps: Changes) -> Changes:
    return {"dump": [*dumps]}


_MOUNT: Changes = {"source": "/srv/a", "target": "/a"}
_STATE: Changes = {"source": "/var/lib/a", "target": "/a"}

WAYS = (
    WayOut(
        "container-ref",
        parts({"depends_on": ["dd"]}),
        inside({"depends_on": ["db"]}),
        says="has no other container",
    ),
    WayOut(
        "container-ref",
        parts({"depends_on": ["db"]}, {"depends_on": ["web"]}),
        inside(db={"depends_on": None}),
        where="services.a.containers.db",
        says="neither would start",
    ),
    WayOut(
        "container-name",
        both(parts(), service("a-db", **container("nas", 8008, auth="none"))),
        {"services": {"a-db": None, "store": container("nas", 8008, auth="none")}},
        says="is a container a-db on nas",
        asked={"store": "another name"},
    ),
    WayOut(
        "container-name",
        both(
            parts(),
            service("b", **container("nas", 8008, auth="none", inside={"network": "a"})),
        ),
        service("b", container={"network": "b"}),
        says="for its own containers",
        asked={"b": "write another network"},
    ),
    WayOut(
        "container-mounts",
        parts(db={"mounts": [_MOUNT, {**_MOUNT, "source": "/srv/b"}]}),
        inside(db={"mounts": [_MOUNT, {"source": "/srv/b", "target": "/b"}]}),
        asked={"/b": "another target"},
    ),
    WayOut(
        "container-secret",
        parts({"secrets": {"key": "KEY"}}),
        service("a", secrets={"key": {}}),
        says="has no secret",
    ),
    WayOut(
        "container-secret",
        parts({"secrets": {"kee": "KEY"}}, secrets={"key": {}}),
        inside({"secrets": {"kee": None, "key": "KEY"}}),
        says="has no secret",
        beside=("container-secret",),
    ),
    WayOut(
        "container-secret",
        parts(secrets={"key": {}}),
        service("a", secrets=None),
        says="reads it",
    ),
    WayOut(
        "container-secret",
        parts(secrets={"key": {}}),
        inside({"secrets": {"key": "KEY"}}),
        says="reads it",
        asked={"KEY": "key: VARIABLE"},
    ),
    WayOut(
        "container-secret",
        parts(template({"a": {"$value": "kee"}}), {"secrets": {"key": "KEY"}}, secrets={"key": {}}),
        inside(template({"a": {"$value": "key"}})),
        says="there is no secret",
    ),
    WayOut(
        "container-secret",
        parts(
            template({"a": {"$secret": "key"}}), {"secrets": {"key": "KEY"}}, secrets={"key": {}}
        ),
        inside(template({"a": {"$secret": None, "$value": "key"}})),
        says="no reference $secret",
    ),
    WayOut(
        "container-secret",
        parts(template({"a": "x {value[key]}"}), {"secrets": {"key": "KEY"}}, secrets={"key": {}}),
        inside(template({"a": {"$text": "x {value[key]}"}})),
        says="in a plain text",
        asked={"x {value[key]}": '{$text: "…{value[key]}…"}'},
    ),
    WayOut(
        "container-secret",
        parts(template({"a": NULL}, "toml"), {"secrets": {"key": "KEY"}}, secrets={"key": {}}),
        inside({"templates": {"c": {"content": {"a": None}}}}),
        says="no null",
    ),
    WayOut(
        "container-port",
        parts(ports={"ssh": {"port": 2222, "part": "wed"}}),
        service("a", ports={"ssh": {"part": "web"}}),
    ),
    WayOut(
        "mount-owner",
        parts({"mounts": [{**_MOUNT, "owner": 1000}]}),
        inside({"mounts": [_MOUNT]}),
        says="does not make",
    ),
    WayOut(
        "mount-owner",
        parts({"mounts": [{**_STATE, "owner": 1000}]}, {"mounts": [{**_STATE, "owner": 999}]}),
        inside(db={"mounts": [{**_STATE, "owner": 1000}]}),
        where="services.a.containers.db",
        says="is 1000",
    ),
    WayOut(
        "container-uses",
        both(parts(uses=["b"]), service("b", **container("nas", 8008, auth="none"))),
        service("a", uses=None),
        says="without a common",
    ),
)
BACKUP = (
    WayOut(
        "backup-dump",
        parts(
            db={"image": POSTGRES, "mounts": [{"source": "/var/lib/a", "target": "/data"}]},
            backup=None,
        ),
        service("a", backup={"dump": {"postgresql": "a", "part": "db"}}),
        asked={"a": "postgresql: its database"},
    ),
    WayOut(
        "backup-dump-part",
        parts(
            db={"image": POSTGRES, "mounts": [_STATE]},
            backup=dumped({"postgresql": "a", "part": "dd"}),
        ),
        service("a", backup=dumped({"postgresql": "a", "part": "db"})),
        says="has no container",
        beside=("backup-dump",),
    ),
    WayOut(
        "backup-dump-part",
        parts(
            {"image": POSTGRES},
            {"image": POSTGRES, "mounts": [_STATE]},
            backup=dumped({"postgresql": "a"}),
        ),
        service(
            "a",
            backup=dumped(
                {"postgresql": "a", "part": "web"},
                {"postgresql": "a", "part": "db"},
            ),
        ),
        says="are such databases",
    ),
)
