"""The disk behind each mount point of a host, as far as fileSystems and disko say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from homelab.hardening.paths import below
from homelab.nix.source import Setting

_PARTITION = re.compile(r"(?<=/dev/)((?:sd|vd|hd|xvd)[a-z]+)[0-9]+$|(-part|(?<=[0-9])p)[0-9]+$")
"""The end of a partition's name: /dev/sda1, /dev/nvme0n1p2, /dev/disk/by-id/…-part1."""


def disks_of(settings: Iterable[Setting]) -> Mapping[str, str]:
    """Mount point to disk. Two mount points on one disk have the same one: partitions of it,
    subvolumes, datasets of a ZFS pool, a bind mount and its source.
    """
    fields: dict[str, dict[str, object]] = {}
    found: dict[str, str] = {}
    for setting in settings:
        path = setting.path
        if path[0] == "fileSystems" and len(path) == 3 and path[1].startswith("/"):
            fields.setdefault(_plain(path[1]), {})[path[2]] = setting.value
        elif _mounts_by_disko(setting) and isinstance(setting.value, str):
            found[_plain(setting.value)] = ".".join(path[2:4])
    for mount, config in fields.items():
        device, label = config.get("device"), config.get("label")
        if isinstance(device, str):
            found[mount] = _disk(device, config.get("fsType"))
        else:
            found[mount] = f"/dev/disk/by-label/{label}" if isinstance(label, str) else mount
    # The disk of a bind mount is that of the directory that it shows.
    return {m: disk_at(found, d) if d in _bound(fields) else d for m, d in found.items()}


def disk_at(disks: Mapping[str, str], path: str) -> str:
    """The disk that a path is on; empty where no mount point contains it."""
    mounts = [m for m in disks if below(path, (m,))]
    return disks[max(mounts, key=len)] if mounts else ""


def mount_at(disks: Mapping[str, str], path: str) -> str:
    """The mount point that contains a path; empty where none does."""
    return max((m for m in disks if below(path, (m,))), key=len, default="")


def _mounts_by_disko(setting: Setting) -> bool:
    path = setting.path
    return path[:2] == ("disko", "devices") and path[-1] == "mountpoint" and len(path) > 4


def _plain(mount: str) -> str:
    return mount.rstrip("/") or "/"


def _disk(device: str, kind: object) -> str:
    if kind == "zfs":
        return "zpool." + device.partition("/")[0]
    return _PARTITION.sub(r"\1", device)


def _bound(fields: Mapping[str, Mapping[str, object]]) -> set[str]:
    """Devices that are directories."""
    return {
        str(config["device"])
        for config in fields.values()
        if isinstance(options := config.get("options"), tuple) and "bind" in options
    }
