"""The commands of the runbooks, typed in the lab in their order, as an owner in trouble types them."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from homelab.backup.model import Job
from homelab.backup.restic import COMMAND
from homelab.cli.app import app
from homelab.lab import laptop
from homelab.lab.rehearsal import Rehearsal
from homelab.ops.hosts import link_to
from homelab.ops.machine.ssh import DialMap
from homelab.plan import Plan
from tests import build
from tests.demo_restore import PROGRAM, House, paths_of, script
from tests.tools.programs import at, need

pytestmark = pytest.mark.requirement("S0-36")

PAGE = build.ROOT / "docs/guide/disasters.md"
TARGETS = ("b2", "onetouch")
OLD = "2026-02-28 03:00:00"
"""Before the time that the page restores."""
ELSEWHERE = {
    "pulumi": "tests/engine has the real command",
    "git": "a clone of the owner's",
    "cd": "into it",
    "homelab doctor": "tests/ops/test_doctor.py; in the lab it reports this machine",
    "homelab secret recipients": "tests/secrets/test_commands.py has a sops that encrypts",
    "homelab install": "tests/install has machines with installers",
    "ls": "disks are the machine's own",
    "btrfs": "a file system is not mounted here; tests/storage creates subvolumes",
}
"""Begins of commands that the lab cannot run, and where they are tried."""


def commands(prompt: str) -> Iterator[tuple[str, str]]:
    """The section of each command of the page, and the command, without a remark."""
    section = ""
    fenced = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and line.startswith("## "):
            section = line.removeprefix("## ")
        elif fenced and line.startswith(f"{prompt} "):
            yield section, line.removeprefix(f"{prompt} ").partition("   #")[0].strip()


TYPED = [*commands("$")]
AS_ROOT = [*commands("#")]


@pytest.mark.parametrize("line", sorted({c for _, c in TYPED if c.startswith("homelab ")}))
def test_a_command_of_the_runbooks_has_every_word_that_it_needs(line: str) -> None:
    command = typer.main.get_command(app)
    name, *words = shlex.split(line)
    while commands_of := getattr(command, "commands", None):
        assert words, f"{line}: {', '.join(commands_of)}"
        name, *words = words
        assert name in commands_of, line
        command = commands_of[name]
    # Raises what the command would print as an error.
    command.make_context(name, words)


Contents = dict[tuple[str, str], dict[str, str]]
"""Digests of the files and rows of each job, by host and job."""


class Lost(House):
    """The house of the demonstration, with both targets."""

    @property
    def store(self) -> Path:
        return self.work / self.target

    def described(self, job: Job) -> dict[str, object]:
        return {
            **super().described(job),
            "targets": [*TARGETS],
            "checkWeeks": dict.fromkeys(TARGETS, 0),
        }

    def equip(self, plan: Plan) -> None:
        for self.target in TARGETS:
            super().equip(plan)
        # The words of the page are paths of a host, and the root of a lab host is a directory.
        program = self.place / ".homelab/lab" / self.stack / "bin/homelab-backup"
        place = 'words=(); for w; do [[ $w != /* ]] || w=$at$w; words+=("$w"); done\n'
        script(program, f'{PROGRAM}{place}set -- "${{words[@]}}"\n{COMMAND[1]}')

    def job(self, plan: Plan, host: str, name: str) -> Job:
        (found,) = (j for j in self.jobs(plan, host) if j.name == name)
        return found


class Desk:
    """Where the owner types: a terminal in the clone of the repository."""

    def __init__(self, house: Lost) -> None:
        self.house = house
        self.typed: list[str] = []
        tools = laptop.install(house.work / "laptop")
        self.environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def type(self, line: str, answer: str = "y") -> str:
        """Type a command of the page, and answer its question. Raises AssertionError if it fails."""
        assert line in {c for _, c in TYPED}, line
        self.typed.append(line)
        ours, theirs = pty.openpty()
        try:
            os.write(ours, f"{answer}\n".encode())
            done = subprocess.run(
                [sys.executable, "-m", *shlex.split(line)],
                cwd=self.house.place,
                env={**self.environment, **os.environ, "PATH": self.environment["PATH"]},
                stdin=theirs,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        said = done.stdout + done.stderr
        self.code = done.returncode
        return said

    def works(self, line: str, answer: str = "y") -> str:
        said = self.type(line, answer)
        assert self.code == 0, f"{line}\n{said}"
        return said

    def as_root(self, plan: Plan, host: str, line: str) -> str:
        assert line in {c for _, c in AS_ROOT}, line
        self.typed.append(line)
        link = link_to(plan.hosts[host], DialMap.from_environment())

        async def ask() -> str:
            try:
                done = await link.ask(f"set -eu\n{line}\n", seconds=120)
            finally:
                await link.close()
            assert done.exit == 0, f"{line}\n{done.stdout}{done.stderr}"
            return done.stdout

        return asyncio.run(ask())


@pytest.mark.lab
def test_the_commands_of_the_runbooks_do_what_they_say(tmp_path: Path) -> None:
    for program in ("git", "jq", "restic", "sqlite3"):
        need(program)
    house = Lost(tmp_path, build.SHIPPED, "home", "b2")
    house.found()
    house.clone()
    house.up()
    plan = house.plan()
    house.equip(plan)
    top = house.root("aurora")
    sea = top / "mnt/family/photos/2025/sea.jpg"
    for host in ("aurora", "pi", "workstation"):
        for job in house.jobs(plan, host):
            house.live(job)
    sea.parent.mkdir(parents=True, exist_ok=True)
    sea.write_text("as it was")
    for house.target in TARGETS:
        for host in ("aurora", "pi", "workstation")[: 1 if house.target != "b2" else 3]:
            for job in house.jobs(plan, host):
                house.save(job, OLD)
    first = {
        (job.host, job.name): house.content(job)
        for host in ("aurora", "pi", "workstation")
        for job in house.jobs(plan, host)
    }
    desk = Desk(house)
    with Rehearsal(house.place, "home").dialled():
        _a_file(desk, sea)
        _a_service(desk, plan)
        _a_disk(desk, plan, tmp_path)
        _a_machine(desk, plan, first)
        _the_laptop(desk, plan)
        _the_house(desk, plan, first)
    known = tuple(ELSEWHERE)
    left = [c for _, c in (*TYPED, *AS_ROOT) if c not in desk.typed and not c.startswith(known)]
    assert left == [], "commands of the page that nothing types"


def _a_file(desk: Desk, sea: Path) -> None:
    see, back = (c for s, c in TYPED if s == "A file" and "--path" in c)
    assert desk.works("homelab backup list photos").count("2026-02-28") == 2
    sea.write_text("painted over")
    desk.works(see)
    top = desk.house.root("aurora")
    assert Path(f"{top}/var/restore{sea}").read_text() == "as it was"
    assert sea.read_text() == "painted over"
    desk.works(back)
    assert sea.read_text() == "as it was"
    desk.works("homelab restore photos --undo")
    assert sea.read_text() == "painted over"


def _a_service(desk: Desk, plan: Plan) -> None:
    (back,) = (c for s, c in TYPED if s == "A service" and "--at" in c)
    job = desk.house.job(plan, "aurora", "vaultwarden")
    before = desk.house.content(job)
    assert "2026-02-28" in desk.works("homelab backup list vaultwarden")
    for path in job.paths[:1]:
        shutil.rmtree(desk.house.root("aurora") / path.lstrip("/") / "0")
    broken = desk.house.content(job)
    assert broken != before
    assert "n" in desk.type(back, "n")
    assert desk.code != 0
    assert desk.house.content(job) == broken
    desk.works(back)
    assert desk.house.content(job) == before
    desk.works("homelab restore vaultwarden --undo")
    assert desk.house.content(job) == broken
    desk.works("homelab restore immich --to /var/restore/immich")
    assert [*(desk.house.root("aurora") / "var/restore/immich").rglob("*.bin")]


def _a_disk(desk: Desk, plan: Plan, place: Path) -> None:
    jobs = [desk.house.job(plan, "aurora", f"dataset-{n}") for n in ("library", "photos")]
    family = desk.house.root("aurora") / "mnt/family"
    shutil.rmtree(family)
    family.mkdir()
    disk = place / "disk"
    for _, line in AS_ROOT:
        if "sfdisk" in line or "mkfs" in line:
            disk.unlink(missing_ok=True)
            with disk.open("wb") as made:
                made.truncate(256 * 2**20)
            desk.typed.append(line)
            there = re.sub(r"/dev/disk/by-id/[\w-]+", str(disk), line)
            program = "sfdisk" if "sfdisk" in line else "mkfs.btrfs"
            there = there.replace(program, at(program))
            subprocess.run(["bash", "-euc", there], check=True, capture_output=True)
    for name in ("photos", "library"):
        desk.works(f"homelab restore {name} --in-place")
    assert (family / "photos/2025/sea.jpg").read_text() == "as it was"
    assert all(desk.house.content(job) for job in jobs)


def _a_machine(desk: Desk, plan: Plan, first: Contents) -> None:
    """The new machine has no state. What only the app can load is said, and the rest goes on."""
    house = desk.house
    house.target = "onetouch"
    stack = house.place / "Pulumi.home.yaml"
    text = stack.read_text(encoding="utf-8")
    desk.works("homelab host key aurora --replace")
    changed = stack.read_text(encoding="utf-8")
    assert changed != text
    # The lab's host keeps its key.
    stack.write_text(text, encoding="utf-8")
    _emptied(house, plan, "aurora")
    said = desk.type("homelab restore --host aurora --in-place")
    assert desk.code == 1
    assert "not restored:\nimmich: " in said.replace("\r", ""), said
    assert _differing(house, plan, "aurora", first) <= {"immich"}


def _the_laptop(desk: Desk, plan: Plan) -> None:
    house = desk.house
    job = house.job(plan, "aurora", "vaultwarden")
    before = house.content(job)
    shutil.rmtree(house.root("aurora") / job.paths[0].lstrip("/") / "1")
    broken = house.content(job)
    for _, line in AS_ROOT:
        if line.startswith("homelab-backup "):
            said = desk.as_root(plan, "aurora", line)
            if "snapshots" in line:
                assert "onetouch\t" in said
            else:
                assert house.content(job) == (broken if "undo" in line else before)


def _the_house(desk: Desk, plan: Plan, first: Contents) -> None:
    desk.house.target = "b2"
    for section, line in TYPED:
        if section == "The house" and line.startswith("homelab restore"):
            host = shlex.split(line)[3]
            _emptied(desk.house, plan, host)
            desk.type(line)
            assert desk.code == (1 if host == "aurora" else 0)
            assert _differing(desk.house, plan, host, first) <= {"immich"}


def _emptied(house: House, plan: Plan, host: str) -> None:
    """Lose the state of a host."""
    for job in house.jobs(plan, host):
        for path in paths_of(job):
            shutil.rmtree(house.root(host) / path.lstrip("/"), ignore_errors=True)


def _differing(house: House, plan: Plan, host: str, first: Contents) -> set[str]:
    """The jobs of a host that have not what they had at first."""
    found = set()
    for job in house.jobs(plan, host):
        try:
            if house.content(job) != first[host, job.name]:
                found.add(job.name)
        except (OSError, sqlite3.Error):
            found.add(job.name)
    return found
