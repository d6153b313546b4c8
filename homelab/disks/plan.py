"""From the stack config of a host to its file systems and swap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.config.disks import FileSystemConfig, Swap, in_bytes
from homelab.config.hosts import NixosHost
from homelab.config.pools import MergerfsPool, ZfsPool
from homelab.disks.model import EARLY, NFS, FileSystem, SwapSpace, containing

MIB = 2**20
DEVICE_TIMEOUT = "x-systemd.device-timeout=5s"
ABSENT_OPTIONS = ("nofail", "x-systemd.automount", "x-systemd.device-bound", DEVICE_TIMEOUT)
"""Options for an optional disk. Through the automount nothing writes to the empty directory while
the disk is absent, and the mount ends with the disk."""
SHARE_OPTIONS = (
    "_netdev",
    "nofail",
    "nosuid",
    "nodev",
    "x-systemd.automount",
    "x-systemd.mount-timeout=30s",
)
"""Options for a share of a NAS."""


def plan_file_systems(host: str, config: NixosHost) -> tuple[FileSystem, ...]:
    """The file systems of a host by mount point, also those of absent disks."""
    place = f"hosts.{host}.file_systems"
    made: dict[str, FileSystem] = {}
    # A pool comes after its branches, which tell whether it may be absent.
    for mount, said in sorted(config.file_systems.items(), key=lambda i: (i[1].pool or "", i[0])):
        where = f"{place}.{mount}"
        if said.pool is not None:
            made[mount] = _of_pool(config, mount, said, where, made)
        elif said.fs == "tmpfs":
            made[mount] = _in_memory(mount, said, where)
        elif said.share is not None:
            made[mount] = _of_nas(mount, said.share, said, where)
        else:
            made[mount] = _of_disk(config, mount, said, where)
    return tuple(made[mount] for mount in sorted(made))


def plan_swap(host: str, config: NixosHost) -> SwapSpace | None:
    """The swap of a host, or None."""
    swap = config.swap
    if swap is None:
        return None
    place = f"hosts.{host}.swap"
    if swap.file is not None:
        return SwapSpace(swap.file, place, in_bytes(swap.size or "1 MiB") // MIB)
    device, present = _partition(config, swap)
    return SwapSpace(device, place, present=present)


def partition_of(config: NixosHost, said: FileSystemConfig | Swap) -> int | None:
    """Number of the partition; None if `from` names it, or if the stack does not tell."""
    if said.source is not None or said.disk is None:
        return None
    if said.partition is not None:
        return said.partition
    return 1 if len({*_numbers(config, said.disk)}) == 1 else None


def _numbers(config: NixosHost, disk: str) -> Iterator[object]:
    """One value for each partition that the stack names on a disk."""
    for mount, other in config.file_systems.items():
        if other.disk == disk and other.source is None:
            shared = other.partition is None and other.subvolume is not None
            yield other.partition or ("subvolumes" if shared else mount)
    if config.swap is not None and config.swap.disk == disk:
        yield config.swap.partition
    for name, pool in config.pools.items():
        if isinstance(pool, ZfsPool) and disk in pool.disks:
            yield name


def _partition(config: NixosHost, said: FileSystemConfig | Swap) -> tuple[str, bool]:
    """The partition's device, and whether its disk is there."""
    disk = config.disks.get(said.disk or "")
    present = disk is None or disk.device is not None
    if said.source is not None:
        return said.source, present
    number = partition_of(config, said)
    if disk is None or disk.device is None or number is None:
        return "", present
    return f"{disk.device}-part{number}", present


def _of_disk(config: NixosHost, mount: str, said: FileSystemConfig, place: str) -> FileSystem:
    partition, present = _partition(config, said)
    disk = config.disks.get(said.disk or "")
    optional = disk is not None and disk.optional
    what = partition
    if said.encrypted is not None and partition:
        what = f"/dev/mapper/{_volume(config, said, partition)}"
    options = [f"subvol={said.subvolume}"] if said.subvolume is not None else []
    if said.fs == "vfat" and mount.startswith("/boot"):
        # The random seed and the initrd are for root only.
        options.append("umask=0077")
    options += said.options
    if optional:
        options += [o for o in ABSENT_OPTIONS if o not in options]
    elif said.encrypted is not None and said.encrypted.key_file is not None:
        # A wrong key file must not keep the host from booting.
        options += [o for o in ("nofail",) if o not in options]
    return FileSystem(
        mount=mount,
        kind=str(said.fs),
        what=what,
        source=place,
        disk=said.disk or "",
        partition=partition,
        subvolume=said.subvolume or "",
        options=tuple(options),
        encryption=said.encrypted,
        optional_disks=(said.disk or "",) if optional else (),
        present=present,
        early=said.early or mount in EARLY,
        device=(disk.device or "") if disk is not None else "",
    )


def _volume(config: NixosHost, said: FileSystemConfig, partition: str) -> str:
    """Name of an unlocked volume: that of the disk and the partition."""
    number = partition_of(config, said)
    name = f"{said.disk}-{number}" if number is not None else partition.rpartition("/")[2]
    return "crypt-" + re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _in_memory(mount: str, said: FileSystemConfig, place: str) -> FileSystem:
    mib = in_bytes(said.size or "1 MiB") // MIB
    mode = [] if any(o.startswith("mode=") for o in said.options) else ["mode=0755"]
    return FileSystem(
        mount=mount,
        kind="tmpfs",
        what="none",
        source=place,
        options=(f"size={mib}M", *mode, *said.options),
        early=said.early or mount in EARLY,
    )


def _of_nas(mount: str, share: str, said: FileSystemConfig, place: str) -> FileSystem:
    """A share that is mounted when it is used: neither boot nor switch waits for the NAS."""
    own = {o.partition("=")[0] for o in said.options}
    options = [o for o in SHARE_OPTIONS if o.partition("=")[0] not in own]
    # A writer that gets an error has lost data that it thinks is there.
    options += ["hard"] if not own & {"hard", "soft", "softerr"} else []
    return FileSystem(mount, NFS, share, place, options=(*options, *said.options))


def _of_pool(
    config: NixosHost,
    mount: str,
    said: FileSystemConfig,
    place: str,
    known: Mapping[str, FileSystem],
) -> FileSystem:
    pool = config.pools.get(said.pool or "")
    name = said.pool or ""
    if isinstance(pool, MergerfsPool):
        return _merged(pool, FileSystem(mount, "fuse.mergerfs", "", place, pool=name), said, known)
    if pool is None:
        return FileSystem(mount, "", "", place, pool=name)
    disks = [config.disks[d] for d in pool.disks if d in config.disks]
    optional = tuple(d for d in pool.disks if d in config.disks and config.disks[d].optional)
    options = (*said.options, *((ABSENT_OPTIONS[:1]) if optional else ()))
    return FileSystem(
        mount=mount,
        kind="zfs",
        what=said.dataset or name,
        source=place,
        options=options,
        pool=name,
        optional_disks=optional,
        present=all(d.device is not None for d in disks),
        early=said.early or mount in EARLY,
    )


def _merged(
    pool: MergerfsPool,
    empty: FileSystem,
    said: FileSystemConfig,
    known: Mapping[str, FileSystem],
) -> FileSystem:
    """A pool of mergerfs. It mounts only after all its branches: a new file would otherwise go to
    the empty directory of a missing one.
    """
    below = [f for b in pool.branches if (f := containing(known.values(), b)) is not None]
    optional = tuple(dict.fromkeys(name for f in below for name in f.optional_disks))
    options = [
        f"category.create={pool.policy}",
        f"minfreespace={in_bytes(pool.min_free) // MIB}M",
        "moveonenospc=true",
        *(f"x-systemd.requires-mounts-for={branch}" for branch in pool.branches),
        *said.options,
        *(("nofail",) if optional else ()),
    ]
    return FileSystem(
        mount=empty.mount,
        kind=empty.kind,
        what=":".join(pool.branches),
        source=empty.source,
        options=tuple(dict.fromkeys(options)),
        pool=empty.pool,
        branches=tuple(pool.branches),
        optional_disks=optional,
        present=all(f.present for f in below),
    )
