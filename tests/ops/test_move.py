"""`homelab move` over SSH: copies, comparison, the stack file and the lock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from homelab.ops.move.steps import Mover
from homelab.ops.project.files import write_lock
from homelab.ops.project.locks import read_lock
from homelab.ops.project.stack import check_stack
from homelab.problems import HomelabError, InvalidStackError, UsageError
from tests import stackdir
from tests.ops.conftest import LAN, TAILNET, Stack
from tests.stackdir import NAME

pytestmark = pytest.mark.requirement("S0-77")
VAULT = "var/lib/vaultwarden"


@dataclass
class Project:
    """A stack with vaultwarden on pi, and the two hosts."""

    directory: Path
    stack: Stack

    def __post_init__(self) -> None:
        self.said: list[str] = []
        self.pi, self.nas = (self.stack.lab.root(name) for name in ("pi", "nas"))

    def mover(self, name: str = "vaultwarden") -> Mover:
        return Mover(self.directory, NAME, name, self.said.append)

    def move(self, to: str | None, name: str = "vaultwarden") -> None:
        mover = self.mover(name)
        mover.carry_out(*mover.prepare(to))

    @property
    def text(self) -> str:
        return (self.directory / f"Pulumi.{NAME}.yaml").read_text()

    @property
    def arrival(self) -> Path:
        return self.nas / "var/lib/homelab/arrivals/vaultwarden"

    @property
    def departure(self) -> Path:
        return self.pi / "var/lib/homelab/departures/vaultwarden"

    def moved_from(self, name: str = "vaultwarden") -> str | None:
        return read_lock(self.directory, NAME).lock.services[name].moved_from

    def arrive(self) -> None:
        """What the unit of the new release does: `test_moves.py` runs it."""
        (self.arrival / "files" / VAULT).rename(self.nas / VAULT)
        (self.arrival / "phase").write_text("arrived\n")


@pytest.fixture
def project(stack: Stack, tmp_path: Path) -> Project:
    directory = stackdir.write_stack(
        tmp_path / "stack",
        {
            "hosts": {
                "pi": {
                    "address": {"lan": LAN, "tailnet": TAILNET},
                },
                "nas": {"address": {"lan": "192.168.1.9", "tailnet": None}},
            },
            "services": {
                "vaultwarden": {"host": "pi", "name": "vault"},
                "languagetool": {"host": "pi", "routes": []},
            },
        },
    )
    write_lock(directory, NAME, ())
    made = Project(directory, stack)
    files = made.pi / VAULT
    (files / "icons").mkdir(parents=True)
    (files / "db.sqlite3").write_bytes(b"old data" * 1000)
    (files / "icons/a b\nc.png").write_text("a name with a line end")
    (files / "icons/-rf").write_text("a name that looks like an option")
    (files / "link").symlink_to("icons")
    (files / "icons/empty").mkdir(mode=0o500)
    return made


def tree(top: Path) -> dict[str, tuple[int, bytes | str]]:
    """Each entry below a directory: its mode and its content."""
    return {
        str(p.relative_to(top)): (
            p.lstat().st_mode,
            str(p.readlink()) if p.is_symlink() else p.read_bytes() if p.is_file() else "",
        )
        for p in top.rglob("*")
    }


def test_a_move_copies_compares_and_writes_the_stack(project: Project) -> None:
    before = project.text
    project.move("nas")
    assert tree(project.arrival / "files" / VAULT) == tree(project.pi / VAULT)
    assert (project.arrival / "phase").read_text() == "ready\n"
    assert (project.departure / "phase").read_text() == "held\n"
    assert "vaultwarden.service" in (project.departure / "units").read_text().split()
    dropped = project.pi / "run/systemd/system/vaultwarden.service.d/homelab-departure.conf"
    assert (
        "ConditionPathExists=!/var/lib/homelab/departures/vaultwarden/held" in dropped.read_text()
    )
    changed = [
        (a, b) for a, b in zip(before.split("\n"), project.text.split("\n"), strict=True) if a != b
    ]
    assert [(a.strip(), b.strip()) for a, b in changed] == [('host: "pi"', 'host: "nas"')]
    assert project.moved_from() == "pi"
    plan, problems = check_stack(project.directory, NAME)
    assert not [p for p in problems if p.severity == "error"]
    (job,) = (j for j in plan.backup.jobs if j.name == "vaultwarden")
    assert (job.host, job.arrives_from) == ("nas", "pi")
    assert project.said[-1] == "next: pulumi up, then homelab move vaultwarden"


def test_the_second_run_ends_the_move_and_the_old_data_stays(project: Project) -> None:
    project.move("nas")
    assert project.mover().pending == "pi"
    with pytest.raises(HomelabError, match="nas has not put the state of vaultwarden in its place"):
        project.mover().finish()
    assert project.moved_from() == "pi"
    project.arrive()
    project.mover().finish()
    assert project.moved_from() is None
    assert (project.departure / "phase").read_text() == "left\n"
    assert not (project.departure / "held").exists()
    assert (project.pi / VAULT / "db.sqlite3").exists()
    assert project.said[-1].endswith("stays: homelab orphans pi")
    with pytest.raises(UsageError, match="vaultwarden is on nas already"):
        project.mover().prepare("nas")


@pytest.mark.long
def test_a_service_moves_there_and_back_and_there_again(project: Project) -> None:
    project.move("nas")
    project.arrive()
    project.mover().finish()
    (project.nas / VAULT / "new").write_text("written on nas")
    project.move("pi")
    back = project.pi / "var/lib/homelab/arrivals/vaultwarden"
    assert tree(back / "files" / VAULT) == tree(project.nas / VAULT)
    (project.pi / VAULT).rename(project.pi / "var/lib/kept")
    (back / "files" / VAULT).rename(project.pi / VAULT)
    (back / "phase").write_text("arrived\n")
    project.mover().finish()
    project.said.clear()
    project.move("nas")
    assert "pi: copying /var/lib/vaultwarden while vaultwarden runs" in project.said
    assert tree(project.arrival / "files" / VAULT) == tree(project.pi / VAULT)
    assert (project.departure / "held").exists()


def test_a_move_that_was_cut_off_before_the_stack_file_goes_on(project: Project) -> None:
    mover = project.mover()
    found, _ = mover.prepare("nas")
    assert found is not None
    asyncio.run(mover._carried(found))
    before = project.text
    assert "host: nas" not in before.split("vaultwarden")[1][:60]
    project.said.clear()
    project.move("nas")
    assert "nas: the state of vaultwarden is here already" in project.said
    assert project.moved_from() == "pi"


@pytest.mark.long
def test_a_move_that_was_cut_off_between_stack_and_lock_goes_on(project: Project) -> None:
    lock = (project.directory / read_lock(project.directory, NAME).name).read_text()
    project.move("nas")
    (project.directory / read_lock(project.directory, NAME).name).write_text(lock)
    etc = project.pi / "etc/homelab"
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "backup.json").write_text(
        '{"vaultwarden": {"units": ["vaultwarden.service"], "postgresql": [], "mysql": []}}'
    )
    project.move(None)
    assert project.moved_from() == "pi"
    assert project.said[-1] == "next: pulumi up, then homelab move vaultwarden"


@pytest.mark.long
def test_only_what_changed_is_copied_again(project: Project) -> None:
    project.move("nas")
    project.mover().undo(None)
    mover = project.mover()
    found, _ = mover.prepare("nas")
    assert found is not None
    project.move("nas")
    assert tree(project.arrival / "files" / VAULT) == tree(project.pi / VAULT)


def test_undo_leaves_the_service_where_it_was(project: Project) -> None:
    before = project.text
    lock = read_lock(project.directory, NAME).lock
    project.move("nas")
    project.mover().undo(None)
    assert project.text == before
    assert read_lock(project.directory, NAME).lock == lock
    assert not project.arrival.exists()
    assert not project.departure.exists()
    assert not [*(project.pi / "run/systemd/system").glob("*")]
    with pytest.raises(UsageError, match="no move of vaultwarden has begun"):
        project.mover().undo(None)


@pytest.mark.long
def test_an_arrived_service_is_not_undone(project: Project) -> None:
    project.move("nas")
    project.arrive()
    with pytest.raises(HomelabError, match="has its state on nas already"):
        project.mover().undo(None)
    assert project.moved_from() == "pi"


@pytest.mark.long
def test_a_file_that_is_removed_meanwhile_is_removed_there(project: Project) -> None:
    (project.arrival / "files" / VAULT / "icons").mkdir(parents=True)
    (project.arrival / "files" / VAULT / "icons/gone").write_text("gone")
    (project.arrival / "files" / VAULT / "link").mkdir()
    project.move("nas")
    assert tree(project.arrival / "files" / VAULT) == tree(project.pi / VAULT)


def test_a_copy_that_differs_stops_the_move_before_the_stack_changes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.text
    tar = project.stack.lab.directory / "bin/tar"
    tar.write_text(
        '#!/bin/bash\n/usr/bin/tar "$@"\ncase $* in *--extract*) '
        "[ ! -e db.sqlite3 ] || printf X | dd of=db.sqlite3 conv=notrunc status=none ;; esac\n"
    )
    tar.chmod(0o755)
    with pytest.raises(HomelabError, match=r"1 files of /var/lib/vaultwarden differ"):
        project.move("nas")
    assert project.text == before
    assert (project.arrival / "phase").read_text() == "copying\n"


def test_a_service_without_state_only_changes_its_host(project: Project) -> None:
    project.move("nas", "languagetool")
    assert project.said[-1] == "next: pulumi up"
    plan, _ = check_stack(project.directory, NAME)
    assert [s.host for s in plan.services if s.name == "languagetool"] == ["nas"]
    assert project.moved_from("languagetool") is None


@pytest.mark.parametrize(
    ("name", "to", "what"),
    [
        ("vaultwardn", "nas", 'no service "vaultwardn"; did you mean "vaultwarden"'),
        ("vaultwarden", "nass", 'no host "nass"; did you mean "nas"'),
        ("vaultwarden", "pi", "vaultwarden is on pi already"),
        ("vaultwarden", None, "name another host: --to HOST"),
    ],
)
def test_what_cannot_move_is_refused(
    project: Project, name: str, to: str | None, what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        project.mover(name).prepare(to)


def test_what_is_wrong_after_the_move_is_said_before_anything_stops(project: Project) -> None:
    data = yaml.safe_load(project.text)
    services = data["config"]["homelab:services"]
    services["vaultwarden"]["port"] = 8222
    services["languagetool"] |= {"host": "nas", "port": 8222}
    (project.directory / f"Pulumi.{NAME}.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InvalidStackError, match="8222"):
        project.mover().prepare("nas")
    assert not project.departure.exists()


def test_a_service_goes_to_the_host_of_its_database_without_databases(tmp_path: Path) -> None:
    elsewhere = {"host": "nas", "databases": {"postgresql": {"host": "pi"}}}
    directory = stackdir.write_stack(tmp_path / "stack", {"services": {"miniflux": elsewhere}})
    write_lock(directory, NAME, (), (), {})
    with pytest.raises(UsageError, match=r"leave databases\.postgresql out, then homelab move"):
        Mover(directory, NAME, "miniflux", print).prepare("pi")

    path = directory / f"Pulumi.{NAME}.yaml"
    data = yaml.safe_load(path.read_text())
    data["config"]["homelab:services"]["miniflux"] = {"host": "pi"}
    path.write_text(yaml.safe_dump(data))
    _, problems = check_stack(directory, NAME)
    errors = {p.check for p in problems if p.severity == "error"}
    # The move itself is what `homelab move miniflux` then goes on with.
    assert not errors & {"database-moved", "database-elsewhere"}
    assert errors <= {"move-stateful"}
