"""A short rehearsal for `make test`. `make test-lab` runs the long ones."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.lab.rehearsal import Rehearsal
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


def test_a_small_stack_is_previewed_brought_up_and_destroyed(
    lab: Small, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: each command of its own would load everything again."""
    dialled: list[object] = []
    connect = socket.socket.connect

    def record(self: socket.socket, address: Any) -> None:
        dialled.append(address[0] if isinstance(address, tuple) else "127.0.0.1")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", record)

    def told(word: str) -> dict[str, Any]:
        assert getattr(Rehearsal(lab.directory, stackdir.NAME, as_json=True), word)()
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return said

    planned = told("preview")
    assert planned["connections"] == {}
    assert dialled == []
    assert not (lab.directory / ".homelab").exists()

    first = told("up")
    assert first["changes"] == planned["changes"]
    assert set(first["connections"]) == {"pi", "nas"}
    assert set(dialled) == {"127.0.0.1"}
    assert lab.records() == {"navidrome-home.example.org"}
    for host, release in lab.wanted_releases().items():
        assert (lab.root(host) / f"var/lib/homelab/releases/{release}/flake").is_dir()

    dialled.clear()
    again = told("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}

    assert told("destroy")["ok"]
    assert not (lab.directory / ".homelab").exists()


@pytest.mark.lab
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
