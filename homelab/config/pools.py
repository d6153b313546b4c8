"""Pools of disks: mergerfs with its mover, and ZFS."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from homelab.config.base import (
    Kind,
    Model,
    Name,
)
from homelab.config.disks import Days, DiskSize, Percent, PlainPath
from homelab.config.types import Calendar

Policy = Literal["epmfs", "ff", "lfs", "lus", "mfs", "pfrd", "rand"]
MINIMUM_BRANCHES = 2


class Mover(Model):
    """Moves files of a pool from a fast branch to the others: the oldest first, each with its
    relative path. It never replaces a file and skips files that are open.
    """

    source: Annotated[PlainPath, Field(alias="from")]
    """The branch that is emptied: `/mnt/ssd`."""
    age: Days | None = None
    """Move files that were not changed for this many days."""
    fill: Percent | None = None
    """Move files, the oldest first, while the branch is fuller than this, in percent."""
    schedule: Calendar = "hourly"
    """When it runs, as in systemd.time(7)."""

    @model_validator(mode="after")
    def _moves(self) -> Mover:
        if self.age is None and self.fill is None:
            raise ValueError("nothing would be moved; add age: 30 (days), fill: 85 (percent), both")
        return self


class MergerfsPool(Kind):
    """Several file systems that look like one (mergerfs). Each file is on one of them."""

    called: ClassVar[str] = "a pool of mergerfs"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("disks", "layout"), "write branches: [/mnt/a, /mnt/b], the mount points"
    )

    kind: Literal["mergerfs"]
    branches: Annotated[list[PlainPath], Field(min_length=MINIMUM_BRANCHES)]
    """Mount points of its file systems, or directories in them, in the order of `policy: ff`."""
    policy: Policy = "mfs"
    """Branch of a new file: mfs: the one with the most free space; lfs: the least; lus: the least
    used; ff: the first one with space; pfrd and rand: at random; epmfs: as mfs, among those that
    have its directory."""
    min_free: DiskSize = "20 GB"
    """A branch with less free space gets no new file."""
    mover: Mover | None = None
    """Move files from a fast branch to the others."""

    @model_validator(mode="after")
    def _shows_each_file_once(self) -> MergerfsPool:
        for branch, other in permutations(self.branches, 2):
            if f"{branch}/".startswith(f"{other}/"):
                raise ValueError(
                    f"the branches {other} and {branch} have the same files, so the pool would "
                    "have them twice; leave one of the two out"
                )
        return self


class ZfsPool(Kind):
    """A pool of ZFS. The host needs `host_id`."""

    called: ClassVar[str] = "a pool of ZFS"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("branches", "policy", "min_free", "mover"),
        "leave it out: ZFS distributes blocks over its disks",
    )

    kind: Literal["zfs"]
    disks: list[Name] = Field(default_factory=list)
    """Its disks, by their names in `disks`."""
    layout: Literal["stripe", "mirror", "raidz1", "raidz2", "raidz3"] = "stripe"
    """How `homelab disks --disko` lays it out. stripe: one failed disk loses everything."""


def _pool_kind(value: object) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "zfs" if kind == "zfs" else "mergerfs"


AnyPool = Annotated[
    Annotated[MergerfsPool, Tag("mergerfs")] | Annotated[ZfsPool, Tag("zfs")],
    Discriminator(_pool_kind),
]
