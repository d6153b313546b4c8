"""Whose lock is which, where a project holds several stacks (`homelab.ops.project.locks`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab import testing
from homelab.config.lock import parse_lock
from homelab.ops.project.files import write_lock
from homelab.ops.project.locks import FIRST, read_lock
from homelab.problems import InvalidStackError
from tests import stackdir
from tests.site.test_neighbours import APART

NAMED = "stack: home\nservices: {jellyfin: {host: pi}}\n"
NAMELESS = "services: {jellyfin: {host: pi}}\n"


def project(directory: Path, *stacks: str, **locks: str) -> Path:
    for stack in stacks:
        (directory / f"Pulumi.{stack}.yaml").touch()
    for name, text in locks.items():
        (directory / (FIRST if name == "first" else f"homelab.{name}.lock.yaml")).write_text(text)
    return directory


@pytest.mark.parametrize("text", [NAMED, NAMELESS])
def test_the_only_stack_has_the_lock_that_was_always_there(tmp_path: Path, text: str) -> None:
    found = read_lock(project(tmp_path, "home", first=text), "home")
    assert (found.name, found.lock.stack) == (FIRST, "home")
    assert set(found.lock.services) == {"jellyfin"}


def test_a_first_lock_is_the_unnamed_file_and_further_ones_carry_their_stack(
    tmp_path: Path,
) -> None:
    assert read_lock(project(tmp_path, "home"), "home").name == FIRST
    project(tmp_path, "cabin", first=NAMED)
    cabin = read_lock(tmp_path, "cabin")
    assert (cabin.name, cabin.lock.services) == ("homelab.cabin.lock.yaml", {})
    assert read_lock(tmp_path, "home").name == FIRST


def test_one_that_names_no_stack_is_of_the_stack_without_another(tmp_path: Path) -> None:
    project(tmp_path, "home", "cabin", first=NAMELESS, cabin="stack: cabin\nservices: {}\n")
    assert set(read_lock(tmp_path, "home").lock.services) == {"jellyfin"}
    assert read_lock(tmp_path, "cabin").name == "homelab.cabin.lock.yaml"


@pytest.mark.parametrize(
    ("stacks", "locks", "stack", "says", "way_out"),
    [
        (("home", "cabin"), {"first": NAMELESS}, "home", "cabin, home", "stack: cabin"),
        (("home", "cabin"), {"first": NAMELESS}, "cabin", "cabin, home", "stack: home"),
        (("main",), {"first": NAMED}, "main", "no Pulumi.home.yaml", "write stack: main"),
        (("home",), {"first": NAMED, "home": NAMED}, "home", "both", "remove the other"),
        (("home", "cabin"), {"cabin": NAMED}, "cabin", "lock of home", "write stack: cabin"),
    ],
)
def test_what_is_not_clear_is_refused_with_a_way_out(
    tmp_path: Path,
    stacks: tuple[str, ...],
    locks: dict[str, str],
    stack: str,
    says: str,
    way_out: str,
) -> None:
    project(tmp_path, *stacks, **locks)
    with pytest.raises(InvalidStackError) as refused:
        read_lock(tmp_path, stack)
    [problem] = refused.value.problems
    assert says in problem.what
    assert way_out in problem.way_out


def test_each_stack_writes_and_moves_in_its_own_lock(tmp_path: Path) -> None:
    service = {"host": "nas", "backup": {"skip": "a test"}}
    stackdir.write_stack(tmp_path, {"services": {"jellyfin": service}})
    assert write_lock(tmp_path, stackdir.NAME, ())[-1] == f"{FIRST} written; commit it"
    text = stackdir.stack_text(
        testing.merged(APART, {"services": {"jellyfin": {**service, "host": "pi"}}})
    )
    (tmp_path / "Pulumi.cabin.yaml").write_text(text)
    before = (tmp_path / FIRST).read_bytes()
    # Its jellyfin is not the other's that moved.
    assert "homelab.cabin.lock.yaml written; commit it" in write_lock(tmp_path, "cabin", ())
    assert (tmp_path / FIRST).read_bytes() == before
    lock = parse_lock((tmp_path / "homelab.cabin.lock.yaml").read_text(), "")
    assert (lock.stack, lock.services["jellyfin"].host) == ("cabin", "pi")
    assert write_lock(tmp_path, "cabin", ()) == ["homelab.cabin.lock.yaml is unchanged"]


@pytest.mark.parametrize(
    "text", ["", "\n", "# Written by `homelab lock`\n", "stack: home\n", "null\n"]
)
def test_a_lock_that_was_emptied_or_cut_off_is_refused(tmp_path: Path, text: str) -> None:
    project(tmp_path, "home", first=text)
    with pytest.raises(InvalidStackError) as refused:
        read_lock(tmp_path, "home")
    (problem,) = refused.value.problems
    assert problem.where == FIRST
    assert "restore it from version control" in problem.way_out
