"""The mover of a mergerfs pool, on real directories."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests import build

SCRIPT = build.ROOT / "homelab/disks/mover.sh"
DAY = 86400
pytestmark = [
    pytest.mark.requirement("S4-28"),
    pytest.mark.skipif(shutil.which("fuser") is None, reason="there is no fuser on PATH"),
]


class Pool:
    """A fast branch and two others. Programs on PATH state the time and the space."""

    def __init__(self, top: Path) -> None:
        self.fast, self.slow, self.large = (top / n for n in ("fast", "slow", "large"))
        self.bin = top / "bin"
        for directory in (self.fast, self.slow, self.large, self.bin):
            directory.mkdir()
        self.full(50)

    def full(self, percent: int, space: str = "large") -> None:
        """State how full the fast branch is, and which other branch has the most space."""
        self._program(
            "df",
            f'case "$*" in *pcent*) echo Use%; echo " {percent}%" ;; '
            f"*/{space}) echo Avail; echo 900000000000 ;; *) echo Avail; echo 800000000000 ;; esac",
        )

    def later(self, days: float) -> None:
        """State the time: the files have not been changed for so many days."""
        self._program("date", f"echo {int(time.time() + days * DAY)}")

    def _program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def write(self, name: str, text: str = "film") -> Path:
        path = self.fast / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        time.sleep(0.01)  # files have an order
        return path

    def move(self, age: int = 30, fill: int = 0, *, fails: bool = False) -> str:
        """Run it as the unit does. Returns what it reports."""
        done = subprocess.run(
            ["bash", "-e", SCRIPT, self.fast, str(age), str(fill), self.slow, self.large],
            env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr

    def files(self, branch: Path) -> list[str]:
        return sorted(str(p.relative_to(branch)) for p in branch.rglob("*") if not p.is_dir())


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path)


def test_an_old_file_keeps_its_relative_path_and_its_attributes(pool: Pool) -> None:
    old = pool.write("films/A film (1999)/a film.mkv", "old")
    old.chmod(0o640)
    old.parent.chmod(0o2775)
    os.utime(old, (10**9, 10**9))
    pool.later(31)
    young = pool.write("films/young.mkv")
    os.utime(young)
    assert "2 files moved" in pool.move()
    moved = pool.large / "films/A film (1999)/a film.mkv"
    assert moved.read_text(encoding="utf-8") == "old"
    assert (moved.stat().st_mtime, moved.stat().st_mode & 0o7777) == (10**9, 0o640)
    assert moved.parent.stat().st_mode & 0o7777 == 0o2775
    assert pool.files(pool.fast) == []


def test_a_young_file_stays_unless_the_branch_is_full(pool: Pool) -> None:
    pool.write("a")
    pool.later(29)
    pool.move()
    pool.move(age=30, fill=85)
    assert pool.files(pool.fast) == ["a"]
    pool.full(86)
    pool.move(age=30, fill=85)
    assert (pool.files(pool.fast), pool.files(pool.large)) == ([], ["a"])


def test_a_full_branch_moves_the_oldest_files_until_it_is_no_longer_full(pool: Pool) -> None:
    for name in ("first", "second", "third"):
        pool.write(name)
    counter = pool.bin / "asked"
    counter.write_text("", encoding="utf-8")
    pool._program(
        "df",
        f'case "$*" in *pcent*) echo x >>{counter}; n=$(wc -l <{counter}); echo Use%; '
        'echo " $((92 - n * 2))%" ;; *) echo Avail; echo 900000000000 ;; esac',
    )
    pool.move(age=0, fill=86)
    # It is 90, then 88, then 86 percent full.
    assert pool.files(pool.fast) == ["third"]


def test_a_file_that_exists_on_another_branch_is_never_replaced(pool: Pool) -> None:
    pool.write("films/a.mkv", "new")
    (pool.slow / "films").mkdir()
    (pool.slow / "films/a.mkv").write_text("another", encoding="utf-8")
    pool.later(31)
    assert "has another file of that name" in pool.move()
    assert (pool.slow / "films/a.mkv").read_text(encoding="utf-8") == "another"
    assert (pool.fast / "films/a.mkv").read_text(encoding="utf-8") == "new"
    assert pool.files(pool.large) == []


def test_names_of_one_file_stay_names_of_one_file(pool: Pool) -> None:
    one = pool.write("downloads/a.mkv", "film")
    two = pool.fast / "films/A (1999)/a.mkv"
    two.parent.mkdir(parents=True)
    two.hardlink_to(one)
    pool.later(31)
    said = pool.move()
    names = ["downloads/a.mkv", "films/A (1999)/a.mkv"]
    assert (pool.files(pool.fast), pool.files(pool.large)) == ([], names), said
    assert (pool.large / names[0]).samefile(pool.large / names[1])


def test_the_search_for_other_names_does_not_make_a_file_look_open(pool: Pool) -> None:
    """GNU find opens the file of `-samefile`, and bash does not wait for it to end."""
    one = pool.write("a", "film")
    (pool.fast / "b").hardlink_to(one)
    pool.later(31)
    pool._program(
        "find",
        'for word; do if [ "${before:-}" = -samefile ]; then exec 9<"$word"; fi; before=$word; done\n'
        f'{shutil.which("find")} "$@"\nexec >&- 2>&-\nsleep 0.5',
    )
    said = pool.move()
    assert (pool.files(pool.fast), pool.files(pool.large)) == ([], ["a", "b"]), said


def test_a_file_with_a_name_outside_of_the_branch_stays(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").hardlink_to(pool.write("a"))
    pool.later(31)
    assert "another name outside" in pool.move()
    assert pool.files(pool.fast) == ["a"]


def test_an_open_file_stays(pool: Pool) -> None:
    path = pool.write("a")
    pool.later(31)
    with path.open(encoding="utf-8"):
        assert "it is open" in pool.move()
    assert pool.files(pool.fast) == ["a"]
    pool.move()
    assert pool.files(pool.fast) == []


def test_a_file_that_changes_while_it_is_copied_stays(pool: Pool) -> None:
    pool.write("a", "before")
    pool.later(31)
    # The copy is complete, and then someone writes to the original.
    real = shutil.which("sync")
    pool._program("sync", f'printf after >{pool.fast}/a; exec {real} "$@"')
    assert "could not be copied" in pool.move(fails=True)
    assert (pool.fast / "a").read_text(encoding="utf-8") == "after"
    assert pool.files(pool.large) == []


def test_a_link_on_another_branch_leads_nowhere(pool: Pool, tmp_path: Path) -> None:
    """A user who may write to a branch could make root write elsewhere."""
    pool.write("films/a")
    outside = tmp_path / "outside"
    outside.mkdir()
    (pool.large / "films").symlink_to(outside)
    pool.later(31)
    pool.move(fails=True)
    assert (pool.files(pool.fast), list(outside.iterdir())) == (["films/a"], [])


def test_a_move_that_was_cut_off_is_finished(pool: Pool) -> None:
    path = pool.write("films/a")
    (pool.slow / "films").mkdir()
    shutil.copy2(path, pool.slow / "films/a")
    (pool.large / ".homelab-mover.Ab12Cd").write_text("half", encoding="utf-8")
    pool.later(31)
    assert "1 files moved" in pool.move()
    assert pool.files(pool.fast) == pool.files(pool.large) == []
    assert pool.files(pool.slow) == ["films/a"]


def test_a_file_without_enough_space_elsewhere_stays(pool: Pool) -> None:
    pool.write("a")
    pool.later(31)
    pool._program("df", "echo Avail; echo 1000")
    assert "no other branch has enough space" in pool.move()
    assert pool.files(pool.fast) == ["a"]


@pytest.mark.parametrize("name", ["a b", "-rf", "a\nb", "$(touch x)", "'", '"', "\\", "*", "ø"])
def test_any_name_of_a_file_is_moved(pool: Pool, name: str) -> None:
    pool.write(f"{name}/{name}")
    pool.later(31)
    pool.move()
    assert (pool.files(pool.fast), pool.files(pool.large)) == ([], [f"{name}/{name}"])
