"""Checks of snapshots and quotas: the file system has them, and each has a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.config.snapshots import SNAPSHOTS
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.storage.model import Dataset

_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")


@check("snapshot-fs")
def snapshot_fs(plan: Plan) -> Iterator[Problem]:
    """Only btrfs and ZFS have snapshots and quotas; elsewhere nothing would be kept or limited."""
    for dataset in plan.datasets:
        yield from _unable(plan, dataset)
        if dataset.fs == "zfs" and not dataset.zfs:
            yield Problem(
                f"{dataset.source}.fs",
                f"sanoid needs the name of the ZFS dataset that is mounted at {dataset.path}",
                f"write {dataset.source}.zfs as `zfs list` shows it: zfs: tank/{dataset.name}",
            )
        if dataset.fs == "btrfs" and dataset.snapshots and not _PLAIN.fullmatch(dataset.path):
            yield Problem(
                f"{dataset.source}.path",
                f"btrbk cannot snapshot {dataset.path}, because its configuration takes letters, "
                "digits and . _ - + @ / in a path",
                f"rename the directory, or write {dataset.source}.snapshot: none",
            )


def _unable(plan: Plan, dataset: Dataset) -> Iterator[Problem]:
    config = plan.stack.datasets[dataset.name]
    asked = {
        "snapshot": dataset.snapshots is not None and dataset.snapshots.stated,
        "quota": dataset.quota is not None,
    }
    for key, is_asked in asked.items():
        if not is_asked or dataset.fs in SNAPSHOTS:
            continue
        leave = "snapshot: none" if key == "snapshot" else f"leave {key} out"
        if dataset.fs:
            yield Problem(
                f"{dataset.source}.{key}",
                f"{dataset.fs} has no {key}s of directories",
                f"move {dataset.name} to btrfs or ZFS and write that as {dataset.source}.fs, or "
                f"{'write ' if key == 'snapshot' else ''}{leave}",
            )
        else:
            yield Problem(
                f"{dataset.source}.{key}",
                f"the file system of {config.path} is not known, and only btrfs and ZFS have "
                f"{key}s of directories",
                f"write {dataset.source}.fs: btrfs, or {dataset.source}.zfs: tank/{dataset.name} "
                f"(findmnt -T {config.path} shows which), or "
                f"{'write ' if key == 'snapshot' else ''}{leave}",
            )


@check("zfs-shared")
def zfs_shared(plan: Plan) -> Iterator[Problem]:
    """Two datasets on one ZFS dataset would overwrite each other's retention and quota."""
    first: dict[tuple[str, str], Dataset] = {}
    for dataset in plan.datasets:
        if not dataset.zfs:
            continue
        other = first.setdefault((dataset.host, dataset.zfs), dataset)
        if other is not dataset:
            yield Problem(
                f"{dataset.source}.zfs",
                f"{other.source} has {dataset.zfs} too",
                "give each a ZFS dataset of its own (zfs create), or leave zfs out of one of them",
            )
