"""`hosts.….disks`, `file_systems`, `pools` and `swap`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.base import (
    STRAIGHT,
    AbsolutePath,
    Kind,
    Model,
    Name,
    Str,
    pattern,
)
from homelab.config.types import ZfsName

_UDEV = "A-Za-z0-9._:+@=-"
StableDisk = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/dev/disk/by-(id|path)/[{_UDEV}]+",
        "this is not a disk's stable name: /dev/sda and /dev/nvme0n1 may name another disk after a "
        "boot, and a UUID or label is that of a file system; write the name that `ls -l "
        "/dev/disk/by-id` shows: /dev/disk/by-id/nvme-Samsung_SSD_990_PRO_S7KGNU0X",
    ),
    pattern(
        r".*(?<!-part[0-9])(?<!-part[0-9]{2})",
        "this is a partition; write the whole disk, without -part1, and partition: 1 in the file "
        "system",
    ),
]
"""A whole disk by serial number or by connector."""
StableSource = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/dev/(disk/by-(id|path|uuid|partuuid|label|partlabel)|mapper)/[{_UDEV}]+",
        "this is not a name that stays the same: /dev/sda1 and /dev/nvme0n1p1 may name another "
        "partition after a boot; write the name that `lsblk -o NAME,UUID,LABEL` shows: "
        "/dev/disk/by-uuid/6c1c1f0e-6f9d-4a3c-9d7e-0b9a3f7c2d11",
    ),
]
"""A partition, or a volume of LVM, by a name that does not change."""
NfsShare = Annotated[
    Str,
    pattern(
        r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):"
        r"/(?!.*/\.\.?(/|$))[A-Za-z0-9._/@+-]*",
        "this is not a directory of an NFS server; write its address and the path: "
        "192.168.1.5:/volume1/media",
    ),
]
"""A directory that an NFS server exports, as mount(8) names it."""


def _on_disk(value: object) -> object:
    """Names the other place of what is no partition."""
    if isinstance(value, str) and re.fullmatch(r"[^/:]+:/.*", value):
        raise ValueError(
            "this is a directory of an NFS server, and no partition; write share: in place of from:"
        )
    if isinstance(value, str) and value.startswith("//"):
        raise ValueError(
            "this is a share of SMB, which has a password; mount it in a module of the host, "
            'fileSystems."…" with fsType = "cifs" and credentials=FILE, and name its mount point '
            "at the dataset: mount: /mnt/…"
        )
    return value


DiskSize = Annotated[
    Str,
    pattern(
        r"[1-9][0-9]*(\.[0-9]{1,3})? ?([MGT]i?B)",
        "this is not a size; write a number and a unit: 500 GB, 1.5 TB, or 16 GiB",
    ),
]
"""A size with its unit: `1 TB` (10^12 bytes) or `1 TiB` (2^40 bytes)."""
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
MountOption = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}[A-Za-z0-9][A-Za-z0-9._:=/@+-]*",
        "this is not one mount option; write each as an item of the list: [noatime, compress=zstd]",
    ),
]
PlainPath = Annotated[
    AbsolutePath,
    pattern(
        r"[A-Za-z0-9._/@+-]*",
        "this path goes into fstab or crypttab, which divide at blanks, colons and commas; rename "
        "the directory with letters, digits and any of . _ @ + -",
    ),
]
"""A path as one word of fstab and crypttab."""
SwapFile = Annotated[
    PlainPath,
    pattern(
        r"(?!/dev/|/proc/|/sys/|/run/).*/([^/]*[.-])?swap(file)?",
        "this is not a swap file: the host creates it and overwrites a file of another size, so "
        "its name must be swapfile, or end with .swap: /var/lib/swapfile",
    ),
]
Subvolume = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}(?!/)[A-Za-z0-9._@+/-]+(?<!/)",
        "this is not a subvolume; write its path as `btrfs subvolume list /` shows it, without a "
        "slash at its start and end, and without spaces: @root",
    ),
]
"""A subvolume of btrfs, from the top of the file system."""
Percent = Annotated[int, Field(ge=1, le=99)]
Days = Annotated[int, Field(ge=1, le=3650)]


def in_bytes(size: str) -> int:
    """A size in bytes."""
    found = re.fullmatch(r"([0-9.]+) ?([A-Za-z]+)", size)
    assert found is not None
    return int(float(found[1]) * _UNITS[found[2]])


SmartType = Literal["auto", "nvme", "off", "sat", "scsi", "usbjmicron", "usbsunplus"]


class Disk(Kind):
    """A disk of the host. Nothing is written to it: the stack only mounts what is on it."""

    called: ClassVar[str] = "a disk"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("apm", "hdparm", "spindown", "standby"),
        "leave it out: set by a udev rule, it hangs bridges from USB to SATA, and the host waits "
        "for them at boot; run hdparm by hand for a disk that bears it",
    )

    device: StableDisk | None = None
    """Its name by serial number: `/dev/disk/by-id/nvme-Samsung_…`. With `device: null` the disk is
    not there: its file systems are not mounted."""
    size: DiskSize | None = None
    """Size as it is sold: `1 TB`. A check compares the sizes of its partitions with it."""
    optional: bool = False
    """The disk may be absent, such as a USB disk: the host boots without it, and services with
    datasets on it run only while it is there."""
    smart: SmartType = "auto"
    """How its health is read (`smartctl --device`): sat for most USB boxes; off: not at all."""


def _device(value: object) -> object:
    return {"device": value} if isinstance(value, str) else value


HostDisk = Annotated[Disk, BeforeValidator(_device, json_schema_input_type=StableDisk | Disk)]
"""A disk, or only its device: `{system: /dev/disk/by-id/nvme-…}`."""


class Encryption(Model):
    """LUKS encryption of a partition, and how it is unlocked. By default the console asks for the
    passphrase at boot.
    """

    tpm: bool = False
    """Unlock with the TPM of the machine, as `systemd-cryptenroll` enrolled it; without it the
    console asks. Whoever has the whole machine can then start it."""
    key_file: PlainPath | None = None
    """Unlock after the root is mounted, with this file of the host: `/persist/keys/media`. Not for
    file systems that the host needs to boot."""
    discard: bool = False
    """Pass discards (TRIM) to the disk. This shows which blocks are in use."""

    @model_validator(mode="after")
    def _one_way(self) -> Encryption:
        if self.tpm and self.key_file is not None:
            raise ValueError("a partition is unlocked in one way; write tpm: true or key_file")
        return self


def _encrypted(value: object) -> object:
    if value is True:
        return {}
    return None if value is False else value


Encrypted = Annotated[
    Encryption | None, BeforeValidator(_encrypted, json_schema_input_type=bool | Encryption)
]
FileSystemKind = Literal["btrfs", "exfat", "ext4", "f2fs", "nfs", "ntfs3", "tmpfs", "vfat", "xfs"]
_OF_A_PARTITION = ("disk", "partition", "from", "subvolume", "encrypted")


class FileSystemConfig(Kind):
    """A file system, by its mount point: one on a disk, of a pool, in memory, or of a NAS."""

    called: ClassVar[str] = "a file system"
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("device", "uuid", "label", "source"),
            "write disk: NAME with partition: N, or from: /dev/disk/by-uuid/…",
        ),
        **dict.fromkeys(("fsType", "type", "format"), "write fs: ext4"),
        **dict.fromkeys(
            ("optional", "nofail", "automount"),
            "write optional: true in the disk: hosts.….disks.NAME",
        ),
        "subvol": "write subvolume: NAME",
        **dict.fromkeys(("server", "nas", "nfs", "remote"), "write share: 192.168.1.5:/media"),
    }

    fs: FileSystemKind | None = None
    """Its kind. tmpfs is in memory. Leave it out for a pool and for `share`."""
    disk: Name | None = None
    """The disk that it is on, by its name in `disks`."""
    partition: Annotated[int, Field(ge=1, le=99)] | None = None
    """Number of the partition on the disk. Default: 1, if the disk has only this file system."""
    source: Annotated[StableSource | None, BeforeValidator(_on_disk), Field(alias="from")] = None
    """The partition itself, instead of `partition`: `/dev/disk/by-uuid/…`. `lsblk -f` shows it."""
    share: NfsShare | None = None
    """A directory that a NAS exports over NFS, `192.168.1.5:/volume1/media`, mounted when it is
    used. Owners and modes of its files stay those of the NAS. A dataset of another host of the
    stack has `nfs` instead."""
    subvolume: Subvolume | None = None
    """btrfs: the subvolume that is mounted. Several file systems may share one partition."""
    encrypted: Encrypted = None
    """The partition is encrypted with LUKS: `true`, or how it is unlocked. Write it the same for
    each subvolume of a partition."""
    pool: Name | None = None
    """The pool that is mounted here, by its name in `pools`."""
    dataset: ZfsName | None = None
    """ZFS: the dataset that is mounted, as `zfs list` shows it: `tank/data`. Its mountpoint is
    `legacy`, or write `options: [zfsutil]`."""
    size: DiskSize | None = None
    """tmpfs: its largest size. On a disk: size of the partition for `homelab disks --disko`;
    without it the partition takes the rest of the disk."""
    options: list[MountOption] = Field(default_factory=list)
    """Further mount options: `[noatime, compress=zstd]`."""
    early: bool = False
    """Mount it in the initrd, before services that are needed for that. The root, /nix and /var
    always are."""

    @model_validator(mode="after")
    def _one_kind(self) -> FileSystemConfig:
        said = {k if k != "source" else "from" for k in self.model_fields_set}
        stated = [k for k in _OF_A_PARTITION if k in said]
        if self.pool is not None:
            if "encrypted" in said:
                raise ValueError(
                    "encrypted is LUKS of a partition, and ZFS encrypts its datasets itself; leave "
                    "it out: the host asks for the key of the dataset when it boots"
                )
            if wrong := [*stated, *(k for k in ("fs", "size") if k in said)]:
                raise ValueError(f"a pool has no {' and no '.join(wrong)}; leave it out")
            return self
        if self.dataset is not None:
            raise ValueError("a dataset of ZFS is in a pool; add pool: NAME")
        if self.share is not None:
            wrong = [*stated, *(k for k in ("size", "early") if k in said)]
            if self.fs not in (None, "nfs"):
                wrong.append("fs")
            if wrong:
                raise ValueError(f"a share of a NAS has no {' and no '.join(wrong)}; leave it out")
            return self
        if self.fs == "nfs":
            raise ValueError(
                "the directory of the NAS is missing; add share: 192.168.1.5:/volume1/media"
            )
        if self.fs is None:
            raise ValueError("the kind of file system is missing; add fs: ext4, or pool: NAME")
        if self.fs == "tmpfs":
            if stated:
                raise ValueError(f"tmpfs is in memory; leave {' and '.join(stated)} out")
            if self.size is None:
                raise ValueError("a tmpfs without a size takes half of the memory; add size: 2 GB")
            return self
        if self.disk is None and self.source is None:
            raise ValueError(
                "the partition is missing; add disk: NAME and partition: N, or from: "
                "/dev/disk/by-uuid/…"
            )
        if self.partition is not None and self.source is not None:
            raise ValueError("from names the partition already; leave partition out")
        if self.subvolume is not None and self.fs != "btrfs":
            raise ValueError("only btrfs has subvolumes; leave subvolume out, or write fs: btrfs")
        return self


class Swap(Model):
    """Swap on a disk: a file that the host creates, or a partition that is prepared already."""

    file: SwapFile | None = None
    """The file: `/var/lib/swapfile`. The host creates it with `size`."""
    size: DiskSize | None = None
    """Size of the file, or of the partition for `homelab disks --disko`."""
    disk: Name | None = None
    """The disk with the swap partition, by its name in `disks`."""
    partition: Annotated[int, Field(ge=1, le=99)] | None = None
    """Number of the partition on the disk."""
    source: Annotated[StableSource | None, Field(alias="from")] = None
    """The partition itself, instead of `disk` and `partition`."""

    @model_validator(mode="after")
    def _one_place(self) -> Swap:
        places = [p for p in (self.file, self.disk, self.source) if p is not None]
        if len(places) != 1:
            raise ValueError(
                "swap has one place; write file: /var/lib/swapfile with a size, disk: NAME with "
                "partition: N, or from: /dev/disk/by-partuuid/…"
            )
        if self.file is not None and self.size is None:
            raise ValueError("a swap file has a size; add size: 8 GB")
        if self.source is not None and self.size is not None:
            raise ValueError("the partition has its size already; leave size out")
        if self.disk is None and self.partition is not None:
            raise ValueError("a partition is on a disk; add disk: NAME, or leave partition out")
        if self.disk is not None and self.partition is None:
            raise ValueError("the swap partition is missing; add partition: N")
        return self
