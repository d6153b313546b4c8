"""One lab host: the directory that is its `/`, its faults and its keys."""

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
"""A fault of a lab host, until it is cleared."""

FAULTS: Final[Mapping[Fault, Mapping[str, str]]] = {
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
    # Until another host runs its wake command.
    "offline": {"connect": "offline"},
}
"""The entries of each fault in `faults.json`, which the stand-ins read."""


@dataclass
class LabHost:
    """One host of the lab."""

    name: str
    addresses: tuple[str, ...]
    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    """The loopback port of each address."""
    host_key: str = ""

    @property
    def root(self) -> Path:
        """The directory that is the host's `/`."""
        return self.directory / "root"

    def add_faults(self, what: Mapping[str, str]) -> None:
        """Add entries to `faults.json`."""
        path = self.directory / "faults.json"
        text = json.dumps({**self.faults(), **what})
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def clear_faults(self) -> None:
        """Remove all faults."""
        (self.directory / "faults.json").unlink(missing_ok=True)

    def faults(self) -> dict[str, str]:
        """The entries of `faults.json`."""
        path = self.directory / "faults.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {str(what): str(how) for what, how in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, RecursionError) as error:
            raise DamagedError(path, type(error).__name__, self.directory) from error

    def named_faults(self) -> list[str]:
        """Its faults, by the names with which they were injected."""
        present = self.faults().items()
        found = {name: entries.items() for name, entries in FAULTS.items()}
        active = {name: entries for name, entries in found.items() if entries <= present}
        # A kernel that panics needs a restart, too.
        return sorted(n for n, own in active.items() if not any(own < o for o in active.values()))

    def answers(self, address: str) -> bool:
        """Whether a connection to this address succeeds."""
        faults = self.faults()
        lost = (self.root / "run/lab-network-lost").exists()
        return not lost and faults.get("connect") not in ("refuse", "offline", address)

    def log(self) -> list[dict[str, object]]:
        """Calls of its stand-ins, oldest first."""
        path = self.root / "var/log/homelab-lab.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def place_keys(self, client: asyncssh.SSHKey) -> None:
        """Write its host key and the trusted signer, which is the lab, below /etc."""
        own = self.root / "etc/ssh/ssh_host_ed25519_key"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.touch(mode=0o600)
        own.write_bytes((self.directory / "host_key").read_bytes())
        signers = self.root / "etc" / SIGNERS
        signers.parent.mkdir(exist_ok=True)
        public = client.export_public_key().decode()
        signers.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {public}')


def key_in(path: Path) -> asyncssh.SSHKey:
    """The SSH key in this file. It is created if the file does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(mode=0o600)
        path.write_bytes(key.export_private_key())
        path.with_suffix(".pub").write_bytes(key.export_public_key())
    try:
        return asyncssh.read_private_key(path)
    except (ValueError, OSError) as error:
        raise DamagedError(path, "it is not an SSH key", path.parent) from error
