"""A whole homelab is restored from nothing, in the lab: `make demo-restore`.

A house is brought up, gets data, and is backed up to one target. Then everything is removed but
three things: the Git repository, the master key, and the target. The demonstration clones the
repository, brings up new machines, and restores each with `homelab restore`; at last every file and
every row of a database is compared. The lab's hosts, restic, SQLite, SSH and the scripts of hosts are
real; NixOS, systemd and the clouds are the lab's stand-ins. The lab has no PostgreSQL: dumps of it
are restored and opened, and `tests/faults` loads such dumps on machines.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from homelab.backup.dumps import live_files
from homelab.backup.model import Job
from homelab.backup.restic import COMMAND
from homelab.lab.rehearsal import Rehearsal
from homelab.ops.backup import jobs_on, restore, restore_all
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets.derive import derive
from homelab.plan import Plan
from homelab.secrets.model import restic_purpose
from tests import build

FILES = 20
"""Files in each directory of state, besides its databases."""
PROGRAM = """\
#!/bin/bash
at=$HOMELAB_ROOT
export HOMELAB_BACKUP_JOBS=$at/etc/homelab/backup.json HOMELAB_DUMPS=$at/var/backup
export HOMELAB_RESTORES=$at/var/lib/homelab/restores HOMELAB_ARRIVALS=$at/var/lib/homelab/arrivals
export HOMELAB_DEPARTURES=$at/var/lib/homelab/departures HOMELAB_SETTLE_SECONDS=0
export PATH=$at/bin:$PATH
"""


@dataclass
class House:
    """The house, and what survives its loss."""

    work: Path
    source: Path
    stack: str
    target: str
    phases: list[tuple[str, float]] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.work / "repository.git"

    @property
    def place(self) -> Path:
        """The clone of the repository, with the lab in it."""
        return self.work / "house"

    @property
    def store(self) -> Path:
        """The backup target."""
        return self.work / "target"

    @property
    def master(self) -> str:
        return (self.work / "master").read_text(encoding="utf-8")

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.phases.append((what, time.monotonic() - start))
        print(f"{self.phases[-1][1]:7.1f} s  {what}", flush=True)

    def found(self) -> None:
        """Make the Git repository and the master key."""
        first = self.work / "first"
        ignored = shutil.ignore_patterns(".git", ".homelab", ".tools", ".venv", "__pycache__")
        shutil.copytree(self.source, first, symlinks=True, ignore=ignored)
        git = ["git", "-c", "user.name=Sam", "-c", "user.email=sam@example.org", "-C", str(first)]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "The house"]):
            subprocess.run([*git, *words], check=True)
        subprocess.run(
            ["git", "clone", "-q", "--bare", str(first), str(self.repository)], check=True
        )
        shutil.rmtree(first)
        (self.work / "master").write_text(os.urandom(32).hex(), encoding="utf-8")

    def clone(self) -> None:
        subprocess.run(["git", "clone", "-q", str(self.repository), str(self.place)], check=True)

    def up(self) -> None:
        """New machines with the releases of the stack."""
        shown = StringIO()
        with redirect_stdout(shown):
            ok = Rehearsal(self.place, self.stack).up()
        assert ok, shown.getvalue()[-4000:]

    def plan(self) -> Plan:
        with rehearsed():
            return check_stack(self.place, self.stack)[0]

    def root(self, host: str) -> Path:
        return self.place / ".homelab/lab" / self.stack / "hosts" / host / "root"

    # --- hosts: what NixOS makes of their backup.nix ---------------------------------------------

    def equip(self, plan: Plan) -> None:
        """The command, the jobs and the passwords of each host."""
        program = self.place / ".homelab/lab" / self.stack / "bin/homelab-backup"
        script(program, PROGRAM + COMMAND[1])
        for host in sorted({job.host for job in plan.backup.jobs}):
            root, jobs = self.root(host), self.jobs(plan, host)
            described = root / "etc/homelab/backup.json"
            described.parent.mkdir(parents=True, exist_ok=True)
            described.write_text(json.dumps({job.name: self.described(job) for job in jobs}))
            password = derive(self.master, restic_purpose(self.target, host))
            for job in jobs:
                where = shlex.quote(str(self.store / host / job.name))
                script(
                    root / "bin" / f"restic-{job.unit}",
                    f"#!/bin/bash\nexport RESTIC_PASSWORD={shlex.quote(password)}\n"
                    f'exec restic --no-cache -r {where} "$@"\n',
                )

    def jobs(self, plan: Plan, host: str) -> list[Job]:
        return [job for job in plan.backup.on(host) if job.target == self.target]

    def described(self, job: Job) -> dict[str, object]:
        """The job as `homelab-backup` reads it, with its paths below the root of its lab host."""
        root = str(self.root(job.host))
        dumps = [root + file for file in dumps_of(job)]
        return {
            "paths": [root + path for path in paths_of(job)],
            "sqlite": [root + file for file in job.sqlite],
            "dumps": dumps,
            "byHand": [*job.by_hand, *(c.file for c in job.commands if not c.mysql)],
            "targets": [self.target],
            "units": [*job.units],
            # A lab host has no disks and no servers of databases.
            **{key: [] for key in ("mounts", "postgresql", "mysql", "before", "after")},
            "checkWeeks": {self.target: 0},
        }

    # --- before ----------------------------------------------------------------------------------

    def live(self, job: Job) -> None:
        """Data of the service."""
        root = self.root(job.host)
        for path in paths_of(job):
            for number in range(FILES):
                file = root / path.lstrip("/") / f"{number % 3}" / f"{number}.bin"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(os.urandom(20_000))
        for path in job.sqlite:
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(file) as made:
                made.execute("CREATE TABLE note (text)")
                made.executemany(
                    "INSERT INTO note VALUES (?)", [(f"{job.name} {n}",) for n in range(500)]
                )

    def save(self, job: Job, at: str = "") -> None:
        """What the unit of the job does: dumps, then restic. The snapshot can have another time."""
        root, store = self.root(job.host), self.store / job.host / job.name
        for (kind, database, _), dump in zip(job.dumps, dumps_of(job), strict=False):
            file = root / dump.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            if kind == "sqlite":
                with sqlite3.connect(root / database.lstrip("/")) as opened:
                    opened.execute("VACUUM INTO ?", (str(file),))
            else:
                file.write_bytes(gzip.compress(f"-- dump of {database}\n".encode()))
        for command in job.commands:
            file = root / command.file.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("-- Dump completed\n")
        restic = [str(root / "bin" / f"restic-{job.unit}"), "--quiet"]
        excluded = [f"--exclude={root}{f}" for d in job.sqlite for f in live_files(d)]
        described = self.described(job)
        paths = [p for key in ("paths", "dumps") for p in described[key] if Path(p).exists()]  # type: ignore[attr-defined]
        if not store.exists():
            subprocess.run([*restic, "init"], check=True)
        time = [f"--time={at}"] if at else []
        subprocess.run([*restic, "backup", *time, *excluded, *paths], check=True)
        assert store.exists()

    # --- comparison ------------------------------------------------------------------------------

    def content(self, job: Job) -> dict[str, str]:
        """Digests of the files of a job, and of the rows of its databases."""
        root, found = self.root(job.host), {}
        live = {root / f.lstrip("/") for d in job.sqlite for f in live_files(d)}
        for path in paths_of(job):
            for file in sorted((root / path.lstrip("/")).rglob("*")):
                if file.is_file() and file not in live:
                    name = str(file.relative_to(root))
                    found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        for database in job.sqlite:
            with sqlite3.connect(root / database.lstrip("/")) as opened:
                rows = repr(opened.execute("SELECT text FROM note ORDER BY text").fetchall())
            found[f"rows of {database}"] = hashlib.sha256(rows.encode()).hexdigest()
        return found


def paths_of(job: Job) -> list[str]:
    """Its directories, without the dumps."""
    made = {*dumps_of(job)}
    return [path for path in job.paths if path not in made]


def dumps_of(job: Job) -> list[str]:
    return [*(file for *_, file in job.dumps), *(command.file for command in job.commands)]


def demonstrate(source: Path, stack: str, target: str | None, work: Path) -> dict[str, object]:
    """Lose the house and restore it. The times, and how much was compared."""
    with rehearsed():
        plan = check_stack(source, stack)[0]
    target = target or min(plan.stack.backup.targets)
    house = House(work, source, stack, target)
    house.found()
    print(f"{stack}: a house with data, backed up to {target}", flush=True)
    house.clone()
    house.up()
    house.equip(plan)
    hosts = sorted({j.host for j in plan.backup.jobs if j.target == target})
    before: dict[tuple[str, str], dict[str, str]] = {}
    for host in hosts:
        for job in house.jobs(plan, host):
            house.live(job)
        for job in house.jobs(plan, host):
            house.save(job)
            before[host, job.name] = house.content(job)
    shutil.rmtree(house.place)
    left = sorted(p.name for p in work.iterdir())
    assert left == ["master", "repository.git", "target"], left
    print(f"the house is lost; left are {', '.join(left)}", flush=True)

    with house.timed("clone the repository"):
        house.clone()
    with house.timed("bring up all machines"):
        house.up()
    plan = house.plan()
    with house.timed("derive the passwords from the master key"):
        house.equip(plan)
    said: list[str] = []
    with Rehearsal(house.place, stack).dialled():
        for host in hosts:
            jobs = jobs_on(plan, host, target)
            in_place = [job for job in jobs if not house.described(job)["byHand"]]
            with house.timed(f"restore {len(jobs)} services and datasets of {host}"):
                failed = restore_all(plan, in_place, "latest", said.append)
                assert not failed, "\n".join([*failed, *said[-20:]])
                for job in jobs:
                    if job not in in_place:
                        # Only the app loads its dump: its files come back beside.
                        place = house.root(host) / "var/restore" / job.name
                        restore(plan, job, "latest", str(place), said.append)
                        for path in paths_of(job):
                            top = house.root(host)
                            shutil.copytree(
                                f"{place}{top}{path}", f"{top}{path}", dirs_exist_ok=True
                            )
    with house.timed("compare every file and row"):
        for (host, name), content in before.items():
            (job,) = (j for j in house.jobs(plan, host) if j.name == name)
            assert house.content(job) == content, f"{name} on {host} differs"
    size = sum(p.stat().st_size for p in house.store.rglob("*") if p.is_file())
    total = sum(seconds for _, seconds in house.phases)
    print(f"{total:7.1f} s  in all", flush=True)
    return {
        "hosts": len(hosts),
        "jobs": len(before),
        "compared": sum(map(len, before.values())),
        "bytes": size,
        "phases": dict(house.phases),
    }


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)


def main() -> int:
    """The demonstration with the home stack; 1 if a program is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", default="home")
    parser.add_argument("--target", help="the backup target that survives")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [name for name in ("git", "jq", "restic", "sqlite3") if not shutil.which(name)]
    if missing:
        print(f"demo-restore needs {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="homelab-house-") as work:
        figures = demonstrate(build.SHIPPED, options.stack, options.target, Path(work))
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(f"{figures['jobs']} jobs on {figures['hosts']} hosts: {figures['compared']} the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
