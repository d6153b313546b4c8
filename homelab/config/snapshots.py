"""Snapshots of a dataset, its quota, and its replica on another host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.backup import Tier
from homelab.config.base import AbsolutePath, Model, Name, Str, Time, pattern
from homelab.config.types import ZfsName

FileSystem = Literal[
    "bcachefs",
    "btrfs",
    "cifs",
    "exfat",
    "ext4",
    "f2fs",
    "mergerfs",
    "nfs",
    "ntfs",
    "sshfs",
    "tmpfs",
    "xfs",
    "zfs",
]
"""Kind of a file system. Only btrfs and zfs have snapshots and quotas here."""
SNAPSHOTS: tuple[FileSystem, ...] = ("btrfs", "zfs")
"""File systems that a dataset can be snapshotted on."""

Every = Literal["hourly", "daily"]
_Count = Annotated[int, Field(ge=0, le=10_000)]


class SnapshotKeep(Model):
    """How many snapshots to keep: the first of each hour, day, week, month and year."""

    hourly: _Count = 0
    """Only with `every: hourly`."""
    daily: _Count = 0
    weekly: _Count = 0
    monthly: _Count = 0
    yearly: _Count = 0

    @model_validator(mode="after")
    def _not_empty(self) -> SnapshotKeep:
        if not any(self.model_dump().values()):
            raise ValueError(
                "every number is 0, so no snapshot would be kept; raise one of them, or write "
                "snapshot: none"
            )
        return self


SNAPSHOT_KEEP: Mapping[Tier, SnapshotKeep] = {
    "service": SnapshotKeep(hourly=24, daily=7, weekly=4),
    "user": SnapshotKeep(hourly=24, daily=14, weekly=4),
    "irreplaceable": SnapshotKeep(hourly=24, daily=14, weekly=8, monthly=6),
    "re-derivable": SnapshotKeep(hourly=24, daily=7),
}
"""Retention of snapshots by tier. `hourly` counts only with `every: hourly`."""


class Snapshot(Model):
    """How often a dataset is snapshotted, and how many snapshots are kept."""

    every: Every | Literal["none"] = "daily"
    """hourly, daily or none."""
    keep: SnapshotKeep | None = None
    """Default by tier: 24 hourly (with `every: hourly`), 7 daily (14 for user and irreplaceable),
    4 weekly (8 for irreplaceable, none for re-derivable), and 6 monthly for irreplaceable."""

    @model_validator(mode="after")
    def _kept(self) -> Snapshot:
        if self.keep is not None and self.every == "none":
            raise ValueError("no snapshot is made, so keep has no effect; leave keep out")
        if self.keep is not None and self.keep.hourly and self.every == "daily":
            raise ValueError(
                "every: daily makes no hourly snapshots; leave keep.hourly out, or write "
                "every: hourly"
            )
        return self


def _every(value: object) -> object:
    return {"every": value} if isinstance(value, str) else value


SnapshotConfig = Annotated[
    Snapshot,
    BeforeValidator(_every, json_schema_input_type=Literal["hourly", "daily", "none"] | Snapshot),
]
"""`hourly`, `daily` or `none`, or a mapping with `keep`."""

Quota = Annotated[
    Str,
    pattern(r"[1-9][0-9]{0,8} ?(MB|GB|TB)", "this is not a size; write 500 GB or 3 TB"),
]
"""Size in powers of 1000."""
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def size_of(quota: str) -> int:
    """A quota in bytes."""
    return int(quota[:-2]) * _UNITS[quota[-2:]]


HOURS: Mapping[Every, int] = {"hourly": 1, "daily": 24}
"""Hours between two runs of a schedule."""
CURRENT = "current"
"""Name of the link to the newest snapshot of a replica on btrfs, beside it."""
_MAX_AGE: Mapping[Every, int] = {"hourly": 3, "daily": 36}


class Replicate(Model):
    """A copy of a dataset's snapshots on another host, sent over SSH: from btrfs to btrfs, or from
    ZFS to ZFS. Services of that host can read the newest snapshot: they name the dataset as if it
    were their own.
    """

    to: Name
    """Host that receives the snapshots."""
    path: AbsolutePath | None = None
    """Directory on that host, on btrfs: `/mnt/mp510/photos`. For a dataset on btrfs."""
    zfs: ZfsName | None = None
    """ZFS dataset on that host, which the first transfer creates: `tank/copies/photos`. For a
    dataset on ZFS."""
    every: Every = "daily"
    """How often a snapshot is made and sent: hourly or daily."""
    at: Time = "02:30"
    """Local time at which it is sent, with `every: daily`."""
    max_age_hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Hours after which the newest snapshot on the receiving host is too old. An alert and
    `homelab status` say so. Default: 36; 3 with `every: hourly`."""
    keep: SnapshotKeep | None = None
    """Retention on the receiving host. Default: as the dataset's snapshots, without hourly ones."""

    @model_validator(mode="after")
    def _one_place(self) -> Replicate:
        if (self.path is None) == (self.zfs is None):
            raise ValueError(
                "a replica has one place; write path: /mnt/copies/photos (on btrfs), or zfs: "
                "tank/copies/photos"
            )
        return self

    @model_validator(mode="after")
    def _scheduled(self) -> Replicate:
        if "at" in self.model_fields_set and self.every == "hourly":
            raise ValueError(
                "every: hourly sends at each full hour, so at has no effect; leave at out"
            )
        return self

    @property
    def read_at(self) -> str:
        """Where services of the receiving host read the newest snapshot. On btrfs it is a link that
        leads to it, on ZFS the mounted dataset.
        """
        return f"/{self.zfs}" if self.path is None else f"{self.path.rstrip('/')}/{CURRENT}"

    @property
    def hours(self) -> int:
        """Hours after which the newest snapshot is too old."""
        return self.max_age_hours or _MAX_AGE[self.every]
