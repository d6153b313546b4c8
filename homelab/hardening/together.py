"""Bind the datasets of one disk as one mount, so that a unit can move files between them."""

from __future__ import annotations

import posixpath
from collections.abc import Collection

from homelab.storage.model import Dataset


def brought_in(used: list[Dataset], written: Collection[str]) -> dict[str, str]:
    """The directory to bind for each dataset: its own, or the common parent of those that the unit
    writes on one disk.

    Hard links do not work across two mounts, even of one disk, so a program that sorts downloads
    would copy each file.
    """
    disks: dict[str, list[str]] = {}
    for dataset in used:
        if dataset.name in written:
            disks.setdefault(dataset.mount, []).append(dataset.path)
    return {
        d.name: posixpath.commonpath(disks[d.mount]) if d.name in written else d.path for d in used
    }
