"""Checks of what a host starts from: its root, GRUB's disk, the number that ZFS asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.nix.source import read_nix
from homelab.problems import Problem
from homelab.system.file_systems import own_texts

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

Sources = Mapping[str, str | bytes]

_ROOT = re.compile(r'fileSystems\s*(\.\s*"/"|=)|\bdisko\b')
_GRUB = re.compile(
    r"\bgrub\s*\.\s*(device|devices|mirroredBoots)\b|\bgrub\s*=\s*\{[^}]*\bdevices?\b"
)
_ZFS = re.compile(
    r'fsType\s*=\s*"zfs"|supportedFilesystems[^;]*\bzfs\b|type\s*=\s*"(zpool|zfs_fs)"'
)
_HOST_ID = re.compile(r"\bhostId\b")


def has_root(host: Host, sources: Sources) -> bool:
    """Whether a module of the host's own names a root file system, or disks to lay out."""
    return any(_ROOT.search(text) for text in own_texts(host, sources))


def _swaps(text: str) -> bool:
    """Whether a module has swap that is not in memory."""
    return any(
        s.path[0] == "swapDevices" and s.value not in ((), None) for s in read_nix(text).settings
    )


def check_disks(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """What NixOS would refuse only on the host, or what would not start there."""
    for host in plan.hosts.values():
        if not host.is_nixos or (host.config.hardware or "") not in sources:
            continue
        text = "\n".join(own_texts(host, sources))
        by_disko = bool(re.search(r"\bdisko\b", text))
        if (
            host.config.boot.loader == "grub"
            and host.config.boot.device is None
            and not _GRUB.search(text)
            and not by_disko
        ):
            yield Problem(
                f"{host.source}.boot",
                "nothing says which disk GRUB is written to",
                "add device: /dev/disk/by-id/… (the whole disk), or device: nodev on EFI",
                check="grub-device",
            )
        if host.config.flash and any(_swaps(t) for t in own_texts(host, sources)):
            yield Problem(
                f"{host.source}.flash",
                f"a module of {host.name} swaps to disk, which wears flash out",
                "take swapDevices out of it and write zram: {}, or leave flash out",
                check="flash-swap",
                severity="warning",
            )
        if _ZFS.search(text) and not host.config.host_id and not _HOST_ID.search(text):
            yield Problem(
                f"{host.source}.host_id",
                f"{host.name} has ZFS, which knows a machine by a number of eight digits",
                'add host_id: "…" with what `hostid` prints on the host, or for a new machine '
                "the first eight characters of its /etc/machine-id; in quotes",
                check="zfs-host-id",
            )
