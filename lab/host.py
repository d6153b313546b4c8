"""One lab host: a directory that it takes for `/`, what is wrong with it, and its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import asyncssh

from homelab.lab.errors import DamagedError
from homelab.offline.bundle import NAMESPACE, SIGNER
from homelab.offline.delivery import SIGNERS

Fault = Literal[
    "build-fails",
    "activate-fails",
    "activate-hangs",
    "loses-network",
    "services-stop",
    "boot-fails",
    "unreachable",
    "needs-restart",
    "kernel-panics",
    "never-returns",
    "offline",
]
"""What can be wrong with a lab host, until it is mended."""

BREAKS: Final[Mapping[Fault, Mapping[str, str]]] = {
    "build-fails": {"build": "fail"},
    "activate-fails": {"activate": "fail"},
    "activate-hangs": {"activate": "hang"},
    "loses-network": {"confirm": "refuse-connections"},
    "services-stop": {"probe": "fail"},
    "boot-fails": {"boot": "fail"},
    "unreachable": {"connect": "refuse"},
    "needs-restart": {"init": "2"},
    "kernel-panics": {"init": "2", "start": "panic"},
    "never-returns": {"init": "2", "start": "never"},
    # Until a neighbour runs its wake command.
    "offline": {"connect": "offline"},
}
"""The same in the words of `faults.json`, which the stand-ins read."""


@dataclass
class LabHost:
    """One host of the lab."""

    name: str
    addresses: tuple[str, ...]
    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    """Per address, the loopback port that stands for it."""
    host_key: str = ""

    @property
    def root(self) -> Path:
        """What the host takes for `/`."""
        return self.directory / "root"

    def break_now(self, what: Mapping[str, str]) -> None:
        """Add to what is broken, in the words of `faults.json`."""
        path = self.directory / "faults.json"
        text = json.dumps({**self.broken(), **what})
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def clear_faults(self) -> None:
        """Everything works again, from now on."""
        (self.directory / "faults.json").unlink(missing_ok=True)

    def broken(self) -> dict[str, str]:
        """What is broken now."""
        path = self.directory / "faults.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {str(what): str(how) for what, how in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, RecursionError) as error:
            raise DamagedError(path, type(error).__name__, self.directory) from error

    def answers(self, address: str) -> bool:
        """Whether a connection to this address gets through."""
        broken = self.broken()
        lost = (self.root / "run/lab-network-lost").exists()
        return not lost and broken.get("connect") not in ("refuse", "offline", address)

    def log(self) -> list[dict[str, object]]:
        """What its stand-ins were asked, oldest first."""
        path = self.root / "var/log/homelab-lab.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def place_keys(self, client: asyncssh.SSHKey) -> None:
        """What it has below /etc: its own key, and whose signature it trusts, the lab's here."""
        own = self.root / "etc/ssh/ssh_host_ed25519_key"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.touch(mode=0o600)
        own.write_bytes((self.directory / "host_key").read_bytes())
        signers = self.root / "etc" / SIGNERS
        signers.parent.mkdir(exist_ok=True)
        public = client.export_public_key().decode()
        signers.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {public}')


def key_in(path: Path) -> asyncssh.SSHKey:
    """The lab's own key in this file, made when it is missed."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(mode=0o600)
        path.write_bytes(key.export_private_key())
        path.with_suffix(".pub").write_bytes(key.export_public_key())
    try:
        return asyncssh.read_private_key(path)
    except (ValueError, OSError) as error:
        raise DamagedError(path, "it is no SSH key", path.parent) from error
