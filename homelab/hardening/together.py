"""Datasets that a unit moves files between: they come into its sandbox as one mount."""

from __future__ import annotations

import posixpath
from collections.abc import Collection

from homelab.storage.model import Dataset


def brought_in(used: list[Dataset], written: Collection[str]) -> dict[str, str]:
    """By dataset, the directory that is brought in for it: its own, or for those of one disk that
    the unit writes, the one above them all. Across two mounts no file can be linked, not even of
    one disk, so whoever files downloads would copy each of them.
    """
    disks: dict[str, list[str]] = {}
    for dataset in used:
        if dataset.name in written:
            disks.setdefault(dataset.mount, []).append(dataset.path)
    return {
        d.name: posixpath.commonpath(disks[d.mount]) if d.name in written else d.path for d in used
    }
