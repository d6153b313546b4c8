"""A machine that is to be adopted: a lab host with the files of `machine/`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

import pytest
import yaml

from homelab.adoption.decision import Asked
from homelab.lab.hosts import LabHosts
from homelab.nix.flake import prune_lock
from homelab.ops.adopt import Adopted, adopt
from tests import build

HERE = Path(__file__).parent
LAN = "192.168.1.9"
Kind = Literal["flake", "channel"]
REVISION = "0123456789abcdef0123456789abcdef01234567"
ASKED = Asked("nas", IPv4Address(LAN), "root", 22, "/etc/nixos")

STACK = {
    "config": {
        "homelab:site": build.SMALLEST["site"] | {"exposure": "internal-only"},  # type: ignore[operator]
        "homelab:network": {
            "lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"},
            "entry": {
                "host": "nas",
                "acme": {
                    "provider": "desec",
                    "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}},
                },
            },
            "dns": {"server": "none"},
        },
        "homelab:secrets": {"master": {"sops": "master"}},
        "homelab:nixpkgs": {},
        "homelab:hosts": {},
    }
}
"""A stack before its only machine is adopted."""


def new_stack(directory: Path) -> Path:
    """A directory with the stack `home`, which has no host yet."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Pulumi.yaml").write_text("name: home\nruntime: python\n")
    (directory / "Pulumi.home.yaml").write_text(yaml.safe_dump(STACK, sort_keys=False))
    return directory


def furnish(root: Path, host_key: str, kind: Kind) -> None:
    """Put the machine's files into a root directory."""
    shutil.copytree(HERE / "machine", root, dirs_exist_ok=True)
    if kind == "channel":
        (root / "etc/nixos/flake.nix").unlink()
        (root / "etc/nixos/flake.lock").unlink()
    files = {
        "etc/os-release": 'ID=nixos\nVERSION_ID="25.11"\n',
        "etc/ssh/ssh_host_ed25519_key.pub": f"{host_key}\n",
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nsam:x:1000:100::/home/sam:/bin/sh\n"
        "miniflux:x:990:990::/var/empty:/bin/nologin\n",
        "etc/systemd/system/miniflux.service": "",
        "proc/sys/kernel/hostname": "nas\n",
        "proc/self/mounts": "/dev/vda2 / ext4 rw 0 0\nproc /proc proc rw 0 0\n",
        "proc/net/tcp": "  sl  local_address rem_address   st\n"
        "   0: 00000000:0050 00000000:0000 0A\n   1: 0100007F:1F90 00000000:0000 0A\n",
        "nix/var/nix/profiles/per-user/root/channels/nixos/.git-revision": REVISION,
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "dev/disk/by-id").mkdir(parents=True, exist_ok=True)
    (root / "dev/disk/by-id/virtio-0001-part2").symlink_to("../../vda2")


@contextmanager
def machine(directory: Path, kind: Kind) -> Iterator[Path]:
    """The root of the machine, while it can be reached at `LAN`."""
    with (
        pytest.MonkeyPatch.context() as environment,
        LabHosts(directory, {"nas": [LAN]}) as lab,
    ):
        for name, value in lab.environment().items():
            environment.setenv(name, value)
        root = lab.root("nas")
        furnish(root, lab.hosts["nas"].host_key, kind)
        yield root


def adopted(directory: Path, kind: Kind) -> tuple[Path, Adopted]:
    """The directory of a stack that has adopted the machine."""
    top = new_stack(directory / "stack")
    with machine(directory / "lab", kind):
        done = adopt(top, "home", ASKED, None)
    if kind == "channel":
        lock_inputs(top / "hosts/nas/pin/flake.lock", "nixpkgs", revision=True)
    return top, done


def lock_inputs(file: Path, *inputs: str, revision: bool) -> None:
    """Write what `nix flake lock` writes, which needs a network."""
    lock = (build.SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8")
    text = prune_lock(lock, inputs)
    if revision:
        text = text.replace('"ref": "nixos-25.11"', f'"rev": "{REVISION}"')
    file.write_text(text)
