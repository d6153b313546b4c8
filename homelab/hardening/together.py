"""Bind the datasets of one disk as one mount, so that a unit can move files between them."""

from __future__ import annotations

import posixpath
from collections.abc import Collection

from homelab.hardening.baseline import HIDDEN, HOMES
from homelab.storage.model import Dataset

SYSTEM = (
    *("/", "/boot", "/dev", "/etc", "/nix", "/proc", "/run", "/sys", "/tmp", "/usr", "/var"),  # noqa: S108 - a name
    *("/var/cache", "/var/lib", "/var/log"),
)
"""Directories that every unit needs."""
TOO_WIDE = (*SYSTEM, *HIDDEN, *HOMES)
"""Directories that contain more than datasets."""


def brought_in(used: list[Dataset], written: Collection[str]) -> dict[str, str]:
    """The directory to bind for each dataset: its own, or the common parent of those that the unit
    writes on one disk, unless that contains more than datasets.

    Hard links do not work across two mounts, even of one disk, so a program that sorts downloads
    would copy each file.
    """
    disks: dict[str, list[str]] = {}
    for dataset in used:
        if dataset.name in written:
            disks.setdefault(dataset.mount, []).append(dataset.path)
    tops = {mount: posixpath.commonpath(paths) for mount, paths in disks.items()}
    return {
        d.name: tops[d.mount] if d.name in written and tops[d.mount] not in TOO_WIDE else d.sees
        for d in used
    }
