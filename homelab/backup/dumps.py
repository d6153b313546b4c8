"""Dumps that a command writes, and live databases of containers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources
from typing import Literal

from homelab.backup.model import DumpCommand, Inside
from homelab.config.backup import CustomBackup, DumpConfig
from homelab.config.fact_dumps import DumpProgram
from homelab.nix import Pkg, Raw, Script
from homelab.secret_paths import fact_path
from homelab.services.databases import database_at, parts_of_dump
from homelab.services.model import Service
from homelab.services.parts import Part

DUMPS = "/var/backup/dumps"
PROGRAM = Raw("./lib/program-dump.sh")
"""The script that runs a program of a service, from `backup.nix`."""
IN_MYSQL = (resources.files("homelab.backup") / "container-mysql.sh").read_text(encoding="utf-8")
"""The script that runs a client of a container's MySQL."""
_PODMAN = Raw("config.virtualisation.podman.package")
_SHELL = Raw("pkgs.runtimeShell")
_WHOLE = ("--single-transaction", "--routines", "--events", "--databases")
"""Options of a dump of all that a MySQL database has. Its triggers are in it by default."""
_MYSQL_PACKAGE = Raw("config.services.mysql.package")


def stated(service: Service) -> tuple[DumpConfig, ...]:
    """The dumps in the stack config."""
    backup = service.config.backup
    return tuple(backup.dump) if isinstance(backup, CustomBackup) else ()


def commands_of(service: Service) -> tuple[DumpCommand, ...]:
    """The dumps that a command writes: all but SQLite and the host's PostgreSQL."""
    return tuple(_commands(service))


def _commands(service: Service) -> Iterator[DumpCommand]:
    for index, dump in enumerate(stated(service)):
        # Of several, backup-dump-part asks for one.
        part = next(iter(parts_of_dump(service.parts, dump)), None)
        if dump.command is not None:
            name, words = f"command-{index}.dump", shlex.join(dump.command)
        elif dump.mysql is not None and part is not None:
            argv = ["sh", "-c", IN_MYSQL, "sh", dump.user or "root", "dump"]
            # Another user than root may not see tablespaces, which MySQL 8 reports as an error.
            argv += [] if argv[-2] == "root" else ["--no-tablespaces"]
            argv += [*_WHOLE, dump.mysql]
            name, words = f"mysql-{dump.mysql}.sql", shlex.join(argv)
        elif dump.mysql is not None:
            yield _mysql(service, dump.mysql)
            continue
        elif dump.postgresql is not None and part is not None:
            argv = ["pg_dump", "--no-password", "--username", dump.user or _superuser(part)]
            name = f"postgresql-{dump.postgresql}.sql"
            words = shlex.join([*argv, "--dbname", dump.postgresql])
        else:
            continue
        # Databases of two containers may have one name.
        of_part = f"{part.name}-" if part is not None and part.name else ""
        file = f"{DUMPS}/{service.name}/{of_part}{name}"
        yield DumpCommand(file, _run(part, words), inside=_inside(part, dump))
    for known in service.entry.dumps:
        if known.mysql is not None:
            yield _mysql(service, known.mysql)
        if known.command is not None:
            yield _program(service, known.command)


def _inside(part: Part | None, dump: DumpConfig) -> Inside | None:
    """What a restore needs to load the dump of a container; None if the files of the database are
    not in one directory of the host.
    """
    if part is None or dump.command is not None:
        return None
    kind: Literal["postgresql", "mysql"] = "postgresql" if dump.postgresql else "mysql"
    directories = _data_of(part, kind)
    if len(directories) != 1:
        return None
    user = dump.user or (_superuser(part) if kind == "postgresql" else "root")
    database = dump.postgresql or dump.mysql or ""
    return Inside(kind, database, user, part.container, directories[0])


def _data_of(part: Part, kind: str) -> tuple[str, ...]:
    """Directories of the host with the files of a container's database."""
    return tuple(m.source for m in part.config.mounts if database_at(m.target) == kind)


def _superuser(part: Part) -> str:
    """The superuser of a PostgreSQL container. The image makes no other one."""
    stated = part.config.environment.get("POSTGRES_USER")
    return stated if isinstance(stated, str) and stated else "postgres"


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


def _run(part: Part | None, words: str) -> Script:
    """A command on the host, or in a container."""
    if part is None:
        return Script.of(words)
    return Script.of(_PODMAN, f"/bin/podman exec {shlex.quote(part.container)} {words}")


def _mysql(service: Service, database: str) -> DumpCommand:
    return mysql_dump(service.name, database)


def mysql_dump(job: str, database: str) -> DumpCommand:
    """The dump of a database of the host's MySQL, which lets root in by its socket."""
    argv = [*_WHOLE, database]
    words = Script.of(_MYSQL_PACKAGE, f"/bin/mysqldump {shlex.join(argv)}")
    return DumpCommand(f"{DUMPS}/{job}/mysql-{database}.sql", words, mysql=database)


def live_files(database: str) -> tuple[str, ...]:
    """Files of a SQLite database in use."""
    return tuple(database + end for end in ("", "-wal", "-shm", "-journal"))


def covered(service: Service) -> tuple[str, ...]:
    """Directories of the host that a dump replaces: a copy of their files may be inconsistent."""
    found: dict[str, None] = {}
    for dump in stated(service):
        kinds = [kind for kind in ("postgresql", "mysql") if getattr(dump, kind)]
        for part in parts_of_dump(service.parts, dump):
            found |= dict.fromkeys(d for kind in kinds for d in _data_of(part, kind))
    return tuple(found)
