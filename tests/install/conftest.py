"""A stack with a new host, and the machine that it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from homelab.ops.install import steps
from homelab.ops.install.model import Asked, Person
from homelab.ops.machine.ssh import DIAL_MAP
from tests.household import Changes
from tests.install import stacks
from tests.install.machine import Machine


class Home:
    """A directory with a stack, and the machine that it describes."""

    def __init__(self, top: Path, machine: Machine, key_file: Path, public: str) -> None:
        self.top, self.machine, self.key_file, self.public = top, machine, key_file, public
        self.said: list[str] = []

    def install(self, *, typed: str | None = "nas", phrase: str | None = None, **more: Any) -> None:
        asked = Asked(
            **{
                "host": "nas",
                "user": "root",
                "address": "127.0.0.1",
                "port": self.machine.port,
                "key_file": self.key_file,
                "target_key": self.machine.public,
                "wait_seconds": 20,
                **more,
            }
        )
        person = Person(self.said.append, lambda _: typed, lambda _: False, lambda _: phrase)
        steps.install(self.top, "small", asked, person)

    @property
    def stack(self) -> str:
        return (self.top / "Pulumi.small.yaml").read_text()


@pytest.fixture
def make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Changes | None], Home]]:
    """A function that makes the stack with changes; the machine serves until the test ends."""
    client = asyncssh.generate_private_key("ssh-ed25519")
    home = tmp_path / "person"
    (home / ".ssh").mkdir(parents=True)
    client.write_private_key(str(home / ".ssh/id_ed25519"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv(DIAL_MAP)
    monkeypatch.setattr(steps, "_RETRY_SECONDS", 0.1)
    # Nothing but loopback is dialled.
    monkeypatch.setattr(steps, "paths_of", lambda host: [])
    key_file, public = stacks.new_key(tmp_path)
    with Machine(tmp_path / "machine", client) as machine:
        monkeypatch.setattr(steps, "_KEXEC_PORT", machine.port)

        def made(changes: Changes | None = None) -> Home:
            top = stacks.write(tmp_path / "stack", public, machine.port, changes)
            return Home(top, machine, key_file, public)

        yield made
