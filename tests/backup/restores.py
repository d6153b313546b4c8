"""A host with one backup job for `homelab-backup`: real restic and sqlite, a stand-in for systemd."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from homelab.backup.restic import COMMAND
from tests.tools.programs import need, need_here

_SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>{log}
case $1 in
  is-active) cat {state}/"$2" 2>/dev/null || echo inactive ;;
  is-failed) [ "$(cat {state}/"$2" 2>/dev/null)" = failed ] && echo failed || echo active ;;
  show) ;;
  stop) shift; for u; do echo inactive >{state}/"$u"; done ;;
  start) shift; for u; do [ -e {state}/broken ] && echo failed >{state}/"$u" || echo active >{state}/"$u"; done ;;
esac
"""


PASSWORD = "test"


@cache
def _empty_repository() -> TemporaryDirectory[str]:
    """A new repository for hosts to copy: `restic init` spends half a second on its key."""
    place = TemporaryDirectory(prefix="repository")
    subprocess.run(
        ["restic", "--no-cache", "-r", place.name, "init"],
        env={**os.environ, "RESTIC_PASSWORD": PASSWORD},
        capture_output=True,
        check=True,
    )
    return place


@dataclass
class Restored:
    """The host, below a directory."""

    top: Path
    job: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """More of the environment of `homelab-backup`."""
    postgres: str = ""
    """Directory of the socket of a PostgreSQL, if there is one."""

    def __post_init__(self) -> None:
        for program in ("restic", "jq", "sqlite3"):
            need(program)
        self.data = self.top / "lib/app"
        self.bin = self.top / "bin"
        self.dumps = self.top / "dumps"
        self.log = self.top / "systemctl.log"
        self.units = self.top / "units"
        self.proofs = self.top / "proofs"
        for made in (self.data, self.bin, self.units):
            made.mkdir(parents=True)
        self.database = self.data / "app.db"
        (self.units / "app.service").write_text("active\n")
        self.program("systemctl", _SYSTEMCTL.format(log=self.log, state=self.units))
        self.script = self.top / "homelab-backup"
        self.script.write_text(COMMAND[1])
        self.describe()
        shutil.copytree(_empty_repository().name, self.top / "repository")

    def describe(self, **changes: object) -> None:
        """The job as the NixOS module describes it."""
        self.job = {
            "paths": [str(self.data)],
            "sqlite": [],
            "postgresql": [],
            "mysql": [],
            "byHand": [],
            "dumps": [],
            "targets": ["disk"],
            "units": ["app.service"],
            "mounts": [],
            "checkWeeks": {"disk": 13},
            **changes,
        }
        (self.top / "jobs.json").write_text(json.dumps({"app": self.job}))
        self.wrap()

    def wrap(self, before: str = "") -> None:
        """The wrapper of NixOS: restic with the repository and the password."""
        self.program(
            "restic-app-disk",
            f'#!/bin/bash\n{before}\nexec {shutil.which("restic")} -r {self.top}/repository "$@"\n',
        )

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def restic(self, *words: str) -> str:
        done = subprocess.run(
            [self.bin / "restic-app-disk", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(self.top / "cache"),
            "HOMELAB_BACKUP_JOBS": str(self.top / "jobs.json"),
            "HOMELAB_RESTORES": str(self.top / "records"),
            "HOMELAB_BACKUP_PROOFS": str(self.proofs),
            **self.settings,
            **({"PGHOST": self.postgres} if self.postgres else {}),
            "HOMELAB_DUMPS": str(self.dumps),
            "HOMELAB_SETTLE_SECONDS": "0",
        }

    def backup(self, *more: str) -> None:
        """A snapshot as the job makes one."""
        self.restic("backup", "--quiet", *(p for p in self.job["paths"]), *more)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`homelab-backup` with these arguments."""
        return subprocess.run(
            ["bash", self.script, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, file: Path | None = None) -> list[str]:
        """The rows of the app's database."""
        with sqlite3.connect(file or self.database) as open_database:
            return [r[0] for r in open_database.execute("SELECT text FROM note ORDER BY text")]

    def write(self, *rows: str) -> None:
        """A database with these rows."""
        for end in ("", "-wal", "-shm"):
            Path(f"{self.database}{end}").unlink(missing_ok=True)
        with sqlite3.connect(self.database) as made:
            made.execute("CREATE TABLE note (text)")
            made.executemany("INSERT INTO note VALUES (?)", [(r,) for r in rows])

    def aside(self, what: str = "before") -> Path:
        """The directory with what was moved."""
        (found,) = self.data.parent.glob(f"app.{what}-*")
        return found


@contextmanager
def cluster(host: Restored) -> Iterator[Callable[..., str]]:
    """A PostgreSQL of the user postgres, as on the host; SQL in one of its databases."""
    for program in ("initdb", "pg_ctl", "psql"):
        need_here(program)
    # Another user cannot enter the directories of pytest.
    with TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        host.settings["HOMELAB_BACKUP_SCRATCH"] = scratch
        yield from _running(host, Path(scratch) / "postgresql")


def _running(host: Restored, place: Path) -> Iterator[Callable[..., str]]:
    place.mkdir()
    shutil.chown(place, "postgres", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]

    def run(*words: str | Path, text: str = "") -> str:
        done = subprocess.run(
            [*as_postgres, *words],
            input=text,
            cwd=place,
            env=host.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    host.postgres = str(place)
    run("initdb", "-A", "trust", "-D", place / "data")
    run(
        "pg_ctl",
        "-D",
        place / "data",
        "-l",
        place / "log",
        "-w",
        "-o",
        f"-k {place} -h ''",
        "start",
    )
    try:
        yield lambda sql, database="postgres": run(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, text=sql
        )
    finally:
        run("pg_ctl", "-D", place / "data", "-m", "immediate", "stop")


def dumped(host: Restored) -> str:
    """A dump as `services.postgresqlBackup` makes one."""
    done = subprocess.run(
        ["runuser", "-u", "postgres", "--", "pg_dump", "-C", "app"],
        env=host.environment,
        cwd=host.postgres,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@contextmanager
def cluster_at(name: str) -> Iterator[str]:
    """A PostgreSQL with an empty database of this name. Yields the directory of its socket."""
    for program in ("initdb", "pg_ctl", "createdb"):
        need_here(program)
    # Another user cannot enter the directories of pytest.
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        as_postgres: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(place, "postgres", "postgres")
            as_postgres = ["runuser", "-u", "postgres", "--"]

        def run(*words: str | Path) -> None:
            subprocess.run(
                [*as_postgres, *map(str, words)], cwd=place, check=True, capture_output=True
            )

        data = place / "data"
        run("initdb", "-U", "postgres", "-A", "trust", "-D", data)
        run("pg_ctl", "-D", data, "-l", place / "log", "-w", "-o", f"-k {place} -h ''", "start")
        try:
            run("createdb", "-h", place, "-U", "postgres", name)
            yield scratch
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
