"""Databases in the containers of a service, and the container in which a dump runs."""

from __future__ import annotations

import re
from typing import Literal

from homelab.config.backup import DumpConfig
from homelab.config.containers import PartDump
from homelab.services.parts import Part

_IMAGES = re.compile(
    r"(^|[^a-z])(postgres|postgresql|postgis|pgvector|timescaledb|timescaledb-ha|mariadb|mysql|percona"
    r"|mongo|mongodb|couchdb|influxdb|clickhouse|clickhouse-server|cassandra|neo4j|rethinkdb)$"
)
"""Last part of the name of a database image."""
_MONGO = re.compile(r"(^|[^a-z])mongo(db)?(-(server|community|enterprise)[a-z-]*)?$")
_DATA = {
    "/var/lib/postgresql": "postgresql",
    "/var/lib/mysql": "mysql",
    "/bitnami/postgresql": "postgresql",
    "/bitnami/mariadb": "mysql",
    "/bitnami/mysql": "mysql",
    "/opt/couchdb/data": "couchdb",
    "/var/lib/influxdb": "influxdb",
    "/var/lib/influxdb2": "influxdb",
    "/var/lib/clickhouse": "clickhouse",
    "/var/lib/cassandra": "cassandra",
}
"""Data directories of database images, with the kind of database. Those of MongoDB, /data/db, are
also the directory of many an app, so its image tells.
"""


def database_of(part: Part) -> str:
    """The kind of database in a container, by its image or mounts; empty if none is known."""
    found = database_in(part.config.image)
    return found or next((k for m in part.config.mounts if (k := database_at(m.target))), "")


def database_in(image: str) -> str:
    """The kind of database in an image, by its name; empty if none is known."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    found = _IMAGES.search(name)
    return found[2] if found else "mongodb" if _MONGO.search(name) else ""


def database_at(target: str) -> str:
    """The kind of database that has its data in this directory of a container."""
    for directory, kind in _DATA.items():
        if target == directory or target.startswith(f"{directory}/"):
            return kind
    return ""


def dumped_as(kind: str) -> Literal["postgresql", "mysql", ""]:
    """The key of a dump that fits a kind of database; empty if only a command does."""
    if kind in ("mysql", "mariadb", "percona"):
        return "mysql"
    return "postgresql" if kind.startswith(("postg", "pgv", "timescale")) else ""


def parts_of_dump(parts: tuple[Part, ...], dump: DumpConfig) -> tuple[Part, ...]:
    """The containers in which a dump may run: none for one of the host, and more than one only if
    the stack does not say in which.
    """
    if dump.sqlite is not None:
        return ()
    named = dump.part if isinstance(dump, PartDump) else None
    if named is not None:
        return tuple(p for p in parts if p.name == named)
    if len(parts) == 1 and parts[0].has_all_secrets:
        return parts
    if dump.command is not None:
        return tuple(p for p in parts if p.is_web)
    kind = "postgresql" if dump.postgresql is not None else "mysql"
    return tuple(p for p in parts if dumped_as(database_of(p)) == kind)
