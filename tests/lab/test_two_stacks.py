"""Two stacks in one project: each is brought up, changed and destroyed without the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.lab.test_rehearsal import Lab, names

pytestmark = pytest.mark.lab

STACKS = ("home", "cabin")


class Stack(Lab):
    """One of several stacks of a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory)
        self.name = name

    def command(self, *words: str) -> list[str]:
        return [*super().command(*words), "-s", self.name]

    @property
    def place(self) -> Path:
        return self.directory / ".homelab/lab" / self.name

    def edit(self, old: str, new: str) -> None:
        file = self.directory / f"Pulumi.{self.name}.yaml"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")

    def runs(self) -> dict[str, str]:
        rows = json.loads(self.run("status", "--json").stdout)["hosts"]
        return {h: row["release"] for h, row in rows.items()}

    def secrets(self, host: str) -> dict[str, str]:
        """The derived secrets of a host, by name."""
        sent = (self.place / "hosts" / host / "root/var/lib/homelab/secrets").rglob("miniflux-*")
        return {path.name: path.read_text("utf-8") for path in sent if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shipped project, at a path with a space."""
    directory = tmp_path / "my homelab"
    directory.mkdir()
    for name in ("home", "hosts", "locks", "secrets"):
        shutil.copytree(build.SHIPPED / name, directory / name)
    files = [f"Pulumi.{s}.yaml" for s in STACKS] + ["homelab.lock.yaml", "homelab.cabin.lock.yaml"]
    for name in ("Pulumi.yaml", "__main__.py", *files):
        shutil.copy(build.SHIPPED / name, directory)
    return directory


def kinds(result: dict[str, Any]) -> set[str]:
    """Types of the resources of a run, without their parents' types."""
    return {s["urn"].split("::")[2].rpartition("$")[2] for s in result["steps"]}


def test_two_stacks_are_brought_up_one_is_changed_and_one_destroyed(project: Path) -> None:
    home, cabin = (Stack(project, name) for name in STACKS)
    up = home.json("up")
    assert up["ok"]
    assert "tailscale:index/acl:Acl" in kinds(up)
    before = home.runs()

    first = cabin.json("up")
    assert first["ok"]
    assert set(first["connections"]) == {"hut"}
    assert "tailscale:index/acl:Acl" not in kinds(first)
    assert "tailscale:index/dnsConfiguration:DnsConfiguration" not in kinds(first)
    assert home.runs() == before

    # One master key, and no password is the same in both stacks.
    here, there = home.secrets("aurora"), cabin.secrets("hut")
    assert here
    assert here.keys() & there.keys()
    assert not set(here.values()) & set(there.values())

    cabin.edit("name: heating", "name: warmth")
    changed = cabin.json("up")
    assert "hut-switch" in names(changed, "update")
    assert set(home.json("up")["changes"]) == {"same"}

    gone = cabin.json("destroy")
    assert gone["ok"]
    assert not cabin.place.exists()
    again = home.json("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}
    assert home.runs() == before


def test_the_default_stack_is_the_first(project: Path) -> None:
    home = Lab(project)
    told = home.json("preview")
    assert any("::home" in step["urn"] for step in told["steps"])
    shutil.rmtree(project / "hosts" / "hut")
    # check looks at all of them.
    done = Stack(project, "home").run("preview")
    assert done.returncode == 0, done.stderr


def test_a_tailnet_that_another_stack_has_is_left_as_it_is(project: Path) -> None:
    """With both stacks in separate clones, the policy in force shows it."""
    home, cabin = (Stack(project, name) for name in STACKS)
    assert home.json("up")["ok"]
    cabin.edit("    policy: elsewhere\n", "")
    refused = cabin.run("up")
    assert refused.returncode == 1
    assert "Pulumi.home.yaml writes the policy and the DNS" in refused.stderr
    # Without home's file, but in its tailnet.
    live = home.place / "tailscale.json"
    (project / "Pulumi.home.yaml").unlink()
    (project / "homelab.lock.yaml").unlink()
    cabin.place.mkdir(parents=True, exist_ok=True)
    shutil.copy(live, cabin.place)
    kept = (cabin.place / "tailscale.json").read_bytes()
    (error,) = cabin.json("up", code=1)["errors"]
    assert "the policy in force is of the stack home" in error
    assert (cabin.place / "tailscale.json").read_bytes() == kept
