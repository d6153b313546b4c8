"""A short rehearsal for `make test`. `make test-lab` runs the long ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab import testing
from tests import build, stackdir
from tests.lab.test_rehearsal import STACK, Lab

SMALL = testing.merged(
    STACK,
    {
        "identity": None,
        "services": {"authelia": None, "miniflux": None, "navidrome": {"auth": "native"}},
    },
)
"""One service, and one name on the internet."""


class Small(Lab):
    """The same rehearsal with fewer services."""

    def write(self, changes: dict[str, object] | None = None) -> None:
        super().write()
        stackdir.write_stack(self.directory, testing.merged(SMALL, changes or {}))


@pytest.fixture
def lab(tmp_path: Path) -> Small:
    lab = Small(tmp_path / "stack")
    lab.write()
    return lab


def test_a_small_stack_is_previewed_brought_up_changed_and_destroyed(lab: Small) -> None:
    planned = lab.json("preview")
    assert planned["connections"] == {}
    assert not (lab.directory / ".homelab").exists()

    first = lab.json("up")
    assert first["changes"] == planned["changes"]
    assert set(first["connections"]) == {"pi", "nas"}
    assert lab.records() == {"navidrome-home.example.org"}
    assert lab.releases() == lab.wanted_releases()

    # Only the hosts concerned receive the change.
    lab.write({"services": {"navidrome": {"publish": None}}})
    changed = lab.json("up")
    assert {"update", "delete", "same"} <= set(changed["changes"])
    assert lab.records() == set()
    again = lab.json("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}

    assert [line for line in lab.dialled() if "'127.0.0.1'" not in line] == []
    assert lab.json("destroy")["ok"]
    assert not (lab.directory / ".homelab").exists()


def test_every_test_is_in_one_of_the_two_make_targets() -> None:
    """CI runs both, so a test that is marked lab or long is still run."""
    makefile = (build.ROOT / "Makefile").read_text("utf-8")
    chosen = re.findall(r"^(test(?:-lab)?):.*\n\t.* pytest (.*)$", makefile, re.MULTILINE)
    everything = "-n auto --dist worksteal"
    assert dict(chosen) == {
        "test": f'{everything} -m "not lab and not long"',
        "test-lab": f'{everything} -m "lab or long or hypothesis" --hypothesis-profile default',
    }
    ci = (build.ROOT / ".ci/run").read_text("utf-8").splitlines()
    assert {"ordinary make test", "ordinary make test-lab"} <= {line.strip() for line in ci}
