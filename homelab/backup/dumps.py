"""Dumps that a command writes, and live databases of containers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.backup.model import DumpCommand
from homelab.config.backup import CustomBackup, DumpConfig
from homelab.config.fact_parts import DumpProgram
from homelab.nix import Pkg, Raw, Script
from homelab.secret_paths import fact_path
from homelab.services.model import Service

DUMPS = "/var/backup/dumps"
PROGRAM = Raw("./lib/program-dump.sh")
"""The script that runs a program of a service, from `backup.nix`."""
_MYSQL = (resources.files("homelab.backup") / "container-mysql.sh").read_text(encoding="utf-8")
_PODMAN = Raw("config.virtualisation.podman.package")
_SHELL = Raw("pkgs.runtimeShell")
_MYSQL_PACKAGE = Raw("config.services.mysql.package")

_IMAGES = re.compile(
    r"(^|[^a-z])(postgres|postgresql|postgis|pgvector|timescaledb|timescaledb-ha|mariadb|mysql|percona"
    r"|mongo|mongodb|couchdb|influxdb|clickhouse|clickhouse-server|cassandra|neo4j|rethinkdb)$"
)
"""Last part of the name of a database image."""
_DATA = {
    "/var/lib/postgresql": "postgresql",
    "/var/lib/mysql": "mysql",
    "/bitnami/postgresql": "postgresql",
    "/bitnami/mariadb": "mysql",
    "/bitnami/mysql": "mysql",
    "/data/db": "mongodb",
    "/data/configdb": "mongodb",
    "/opt/couchdb/data": "couchdb",
    "/var/lib/influxdb": "influxdb",
    "/var/lib/influxdb2": "influxdb",
    "/var/lib/clickhouse": "clickhouse",
    "/var/lib/cassandra": "cassandra",
}
"""Data directories of database images, with the kind of database."""


def stated(service: Service) -> tuple[DumpConfig, ...]:
    """The dumps in the stack config."""
    backup = service.config.backup
    return tuple(backup.dump) if isinstance(backup, CustomBackup) else ()


def commands_of(service: Service) -> tuple[DumpCommand, ...]:
    """The dumps that a command writes: all but SQLite and the host's PostgreSQL."""
    return tuple(_commands(service))


def _commands(service: Service) -> Iterator[DumpCommand]:
    inside = service.container is not None
    run = Script.of(_PODMAN, f"/bin/podman exec {shlex.quote(service.name)} ") if inside else None
    for index, dump in enumerate(stated(service)):
        if dump.command is not None:
            name, words = f"command-{index}.dump", Script.of(shlex.join(dump.command))
        elif dump.mysql is not None and inside:
            argv = ["sh", "-c", _MYSQL, "sh", dump.user or "root", dump.mysql]
            name, words = f"mysql-{dump.mysql}.sql", Script.of(shlex.join(argv))
        elif dump.mysql is not None:
            yield _mysql(service, dump.mysql)
            continue
        elif dump.postgresql is not None and inside:
            argv = ["pg_dump", "--no-password", "--username", dump.user or "postgres"]
            name = f"postgresql-{dump.postgresql}.sql"
            words = Script.of(shlex.join([*argv, "--dbname", dump.postgresql]))
        else:
            continue
        parts = (*run.parts, *words.parts) if run is not None else words.parts
        yield DumpCommand(f"{DUMPS}/{service.name}/{name}", Script(parts))
    for known in service.entry.dumps:
        if known.mysql is not None:
            yield _mysql(service, known.mysql)
        if known.command is not None:
            yield _program(service, known.command)


def _program(service: Service, program: DumpProgram) -> DumpCommand:
    """The dump of a program of the service, with its secrets as variables."""
    name = program.words[0]
    directory = f"{DUMPS}/{service.name}/{name}.d"
    fields = {"address": service.address, "port": service.port, "directory": directory}
    words = [word.format_map(fields) for word in program.words]
    facts = service.entry.secrets
    secrets = [
        f"{variable}={fact_path(service.name, secret, facts[secret])}"
        for variable, secret in sorted(program.secrets.items())
        if secret in facts
    ]
    start = [*secrets, "--", directory if program.fills_directory else ""]
    parts = (
        *(_SHELL, " ", PROGRAM, f" {shlex.join(start)} ", Pkg("gnutar"), "/bin/tar "),
        *(Pkg(program.package), f"/bin/{shlex.join(words)}"),
    )
    end = "tar" if program.fills_directory else "dump"
    return DumpCommand(f"{DUMPS}/{service.name}/{name}.{end}", Script(parts))


def _mysql(service: Service, database: str) -> DumpCommand:
    """The dump of a database of the host's MySQL, which lets root in by its socket."""
    argv = ["--single-transaction", "--routines", "--databases", database]
    words = Script.of(_MYSQL_PACKAGE, f"/bin/mysqldump {shlex.join(argv)}")
    return DumpCommand(f"{DUMPS}/{service.name}/mysql-{database}.sql", words)


def live_files(database: str) -> tuple[str, ...]:
    """Files of a SQLite database in use."""
    return tuple(database + end for end in ("", "-wal", "-shm", "-journal"))


def covered(service: Service) -> tuple[str, ...]:
    """Directories of the host that a dump replaces: a copy of their files may be inconsistent."""
    container = service.container
    kinds = {kind for d in stated(service) for kind in ("postgresql", "mysql") if getattr(d, kind)}
    return tuple(
        m.source
        for m in (container.mounts if container is not None else ())
        if _database_at(m.target) in kinds
    )


def database_of(service: Service) -> str:
    """The kind of database in a container, by its image or mounts; empty if none is known."""
    container = service.container
    if container is None:
        return ""
    name = container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    found = _IMAGES.search(name)
    if found:
        return found[2]
    return next((k for m in container.mounts if (k := _database_at(m.target))), "")


def _database_at(target: str) -> str:
    for directory, kind in _DATA.items():
        if target == directory or target.startswith(f"{directory}/"):
            return kind
    return ""
