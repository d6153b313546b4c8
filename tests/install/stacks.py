"""A stack with a planned host, and its key."""

from __future__ import annotations

from pathlib import Path

import asyncssh

from tests import build, stackdir
from tests.household import Changes
from tests.install.machine import SYSTEM

DEVICE = f"/dev/disk/by-id/{SYSTEM}"
NAS = {
    "state": "planned",
    "hardware": None,
    "disks": {"system": {"device": DEVICE, "size": "2 TB"}},
    "file_systems": {
        "/boot": {"disk": "system", "partition": 1, "fs": "vfat", "size": "1 GiB"},
        "/": {"disk": "system", "partition": 2, "fs": "ext4"},
    },
}
LAYOUT: Changes = {"hosts": {"nas": NAS}}


def planned(changes: Changes | None = None) -> Changes:
    return build.changed(LAYOUT, changes or {})


def new_key(directory: Path) -> tuple[Path, str]:
    """A private key in a file, and its public line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = directory / "nas-key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    return path, " ".join(key.export_public_key().decode().split()[:2])


def write(directory: Path, public: str, port: int, changes: Changes | None = None) -> Path:
    """The stack on disk, with the host planned and its key pinned."""
    ssh = {"hosts": {"nas": {"ssh": {"host_key": public, "port": port}}}}
    top = stackdir.write_stack(directory, build.changed(planned(ssh), changes or {}))
    (top / "hosts/nas/hardware.nix").unlink()
    return top
