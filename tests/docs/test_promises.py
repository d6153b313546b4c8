"""Tables of promises in the guide name tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.build import ROOT

GUIDE = ROOT / "docs/guide"
NAMED = {
    name: page.name
    for page in sorted(GUIDE.glob("*.md"))
    for name in re.findall(r"`(test_[a-z0-9_]+)`", page.read_text(encoding="utf-8"))
}


def written(pattern: str) -> set[str]:
    """The names of the test functions in these files."""
    return {
        name
        for file in ROOT.glob(pattern)
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


@pytest.mark.requirement("S0-36")
def test_each_promise_of_the_guide_has_its_test() -> None:
    assert NAMED
    existing = written("tests/**/test_*.py")
    assert {name: page for name, page in NAMED.items() if name not in existing} == {}


COMPLETE = (
    *("tests/faults/test_restore*.py", "tests/faults/test_move*.py", "tests/faults/test_sftp*.py"),
    *("tests/backup/test_restore.py", "tests/backup/test_proof.py", "tests/backup/test_hooks.py"),
    "tests/backup/test_paths.py",
    "tests/ops/test_move.py",
)
"""Files of which the guide names each test."""
OURS = {"test_shellcheck_finds_nothing"}
"""Tests that promise nothing to an owner."""


@pytest.mark.requirement("S0-36")
@pytest.mark.parametrize("pattern", COMPLETE)
def test_the_guide_lists_each_test_of_backups_restores_and_moves(pattern: str) -> None:
    found = written(pattern)
    assert found
    assert found - set(NAMED) - OURS == set()
