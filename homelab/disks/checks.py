"""Checks of disks, file systems, pools and swap: each is there, once, and can be mounted."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.disks import in_bytes
from homelab.config.pools import MergerfsPool, ZfsPool
from homelab.disks.model import EARLY, NETWORK, NFS, FileSystem
from homelab.disks.plan import partition_of
from homelab.disks.smart import watches_disks
from homelab.grouping import grouped
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.model import Host

_NO_SWAP = ("tmpfs", "zfs", "fuse.mergerfs", "vfat", "exfat", "ntfs3")
"""File systems of a host that cannot hold a swap file."""
_NUMBERS = "lsblk -o NAME,SIZE,FSTYPE,MOUNTPOINT on the host shows the numbers"


@check("disk-known")
def disk_known(plan: Plan) -> Iterator[Problem]:
    """A file system on a disk or a pool that is not in the stack config would not be mounted."""
    for host in plan.hosts.values():
        config, place = host.config, host.source
        named = [
            (f"{place}.file_systems.{mount}.disk", said.disk)
            for mount, said in config.file_systems.items()
            if said.disk is not None
        ]
        if config.swap is not None and config.swap.disk is not None:
            named.append((f"{place}.swap.disk", config.swap.disk))
        for name, pool in config.pools.items():
            if isinstance(pool, ZfsPool):
                named += [
                    (f"{place}.pools.{name}.disks[{i}]", disk) for i, disk in enumerate(pool.disks)
                ]
        for where, disk in named:
            if disk not in config.disks:
                yield Problem(
                    where,
                    f'{host.name} has no disk "{disk}"',
                    did_you_mean(disk, config.disks, "disks")
                    + f"; or add {place}.disks.{disk}: /dev/disk/by-id/…",
                )
        for mount, said in config.file_systems.items():
            if said.pool is not None and said.pool not in config.pools:
                yield Problem(
                    f"{place}.file_systems.{mount}.pool",
                    f'{host.name} has no pool "{said.pool}"',
                    did_you_mean(said.pool, config.pools, "pools")
                    + f"; or add {place}.pools.{said.pool}: {{kind: zfs}}",
                )


@check("disk-once")
def disk_once(plan: Plan) -> Iterator[Problem]:
    """Two names for one disk would count as two copies of its data."""
    for host in plan.hosts.values():
        seen: dict[str, str] = {}
        for name, disk in host.config.disks.items():
            first = seen.setdefault(disk.device or name, name)
            if first != name:
                yield Problem(
                    f"{host.source}.disks.{name}.device",
                    f"{name} is the same disk as {first}",
                    f"leave one of them out, or write the device of {name}: `ls -l "
                    "/dev/disk/by-id` shows it",
                )


@check("disk-partition")
def disk_partition(plan: Plan) -> Iterator[Problem]:
    """A file system is on one partition, and only subvolumes of btrfs share a partition."""
    for host in plan.hosts.values():
        for mount, said in host.config.file_systems.items():
            disk = host.config.disks.get(said.disk or "")
            if disk is not None and said.source is None and partition_of(host.config, said) is None:
                yield Problem(
                    f"{host.source}.file_systems.{mount}",
                    f"{said.disk} has several partitions in the stack config, and {mount} does not "
                    "say which one it is on",
                    f"add partition: 2, or as it is; {_NUMBERS}",
                )
        used = [f for f in host.file_systems if f.partition]
        for partition, together in grouped(used, lambda f: f.partition).items():
            yield from _shared(host, partition, together)


def _shared(host: Host, partition: str, together: tuple[FileSystem, ...]) -> Iterator[Problem]:
    first = together[0]
    swap = host.swap.device if host.swap is not None else ""
    if swap == partition:
        yield Problem(
            f"{host.source}.swap",
            f"{partition} is also the file system {first.mount}",
            f"write the swap's own partition: {_NUMBERS}",
        )
    for other in together[1:]:
        if other.kind != first.kind or other.kind != "btrfs" or not other.subvolume:
            yield Problem(
                other.source,
                f"{partition} is also mounted at {first.mount}",
                "write the partition that it is on, or, with btrfs, the subvolume of each: "
                f"subvolume: {other.mount.rpartition('/')[2] or 'root'}",
            )
        elif other.encryption != first.encryption:
            yield Problem(
                f"{other.source}.encrypted",
                f"{other.mount} and {first.mount} are on one encrypted partition and unlock it in "
                "different ways",
                "write encrypted the same in both",
            )


@check("disk-size")
def disk_size(plan: Plan) -> Iterator[Problem]:
    """Partitions that are larger than their disk cannot be made."""
    for host in plan.hosts.values():
        config = host.config
        for name, disk in config.disks.items():
            sizes = {
                said.partition or mount: in_bytes(said.size)
                for mount, said in config.file_systems.items()
                if said.disk == name and said.size is not None
            }
            if config.swap is not None and config.swap.disk == name and config.swap.size:
                sizes["swap"] = in_bytes(config.swap.size)
            if disk.size is not None and sum(sizes.values()) > in_bytes(disk.size):
                yield Problem(
                    f"{host.source}.disks.{name}.size",
                    f"the partitions on {name} have {sum(sizes.values()) // 10**9} GB together, "
                    f"and the disk has {disk.size}",
                    "correct the size of the disk, or make its partitions smaller",
                )


@check("disk-used", severity="warning")
def disk_used(plan: Plan) -> Iterator[Problem]:
    """A disk or a pool that nothing uses has no effect."""
    for host in plan.hosts.values():
        config = host.config
        disks = {said.disk for said in config.file_systems.values()}
        pools = {said.pool for said in config.file_systems.values()}
        for pool in config.pools.values():
            disks |= {*pool.disks} if isinstance(pool, ZfsPool) else set()
        if config.swap is not None:
            disks.add(config.swap.disk)
        for name in config.disks:
            if name not in disks and not watches_disks(plan, host):
                yield Problem(
                    f"{host.source}.disks.{name}",
                    f"nothing of {host.name} uses the disk {name}",
                    f"leave it out, add {host.source}.file_systems, or the service scrutiny, which "
                    "reads its health",
                )
        for name in config.pools:
            if name not in pools:
                example = "pool: " + name
                yield Problem(
                    f"{host.source}.pools.{name}",
                    f"the pool {name} is not mounted",
                    f"leave it out, or add {host.source}.file_systems: {{/mnt/{name}: "
                    f"{{{example}}}}}",
                )


@check("disk-optional")
def disk_optional(plan: Plan) -> Iterator[Problem]:
    """A host that needs an absent disk, or a NAS, to boot does not boot."""
    for host in plan.hosts.values():
        kept = host.config.persistence
        for system in host.file_systems:
            if system.kind == NFS and (
                system.mount in (*EARLY, "/boot", "/home")
                or (kept is not None and system.mount == kept.disk)
            ):
                yield Problem(
                    system.source,
                    f"{system.what} is on another machine, and {host.name} needs {system.mount} "
                    "when it boots",
                    "mount it elsewhere, such as /mnt/nas, and a disk of the host here",
                )
            if not system.optional:
                continue
            what = f"the disk {system.disk} of {system.mount} is optional"
            out = f"leave {host.source}.disks.{system.disk}.optional out, or use another disk"
            if system.early:
                yield Problem(
                    system.source, f"{what}, and {host.name} needs {system.mount} to boot", out
                )
            elif kept is not None and system.mount == kept.disk:
                yield Problem(
                    f"{host.source}.persistence",
                    f"{what}, and the kept files of {host.name} are there",
                    out,
                )
            elif system.encryption is not None and system.encryption.key_file is None:
                yield Problem(
                    f"{system.source}.encrypted",
                    f"{what}, and the boot would wait for it to be unlocked",
                    "write encrypted: {key_file: /etc/homelab-keys/NAME}, a file of the host",
                )
        swap = host.config.swap
        disk = host.config.disks.get(swap.disk or "") if swap is not None else None
        if disk is not None and disk.optional:
            yield Problem(
                f"{host.source}.swap.disk",
                "the disk is optional, and pages that are swapped out to it would be lost with it",
                "use another disk, or leave swap out and write zram: {}",
            )


@check("disk-absent")
def disk_absent(plan: Plan) -> Iterator[Problem]:
    """A service would fill an empty directory in place of a disk that is not there."""
    for host in plan.hosts.values():
        gone = [f for f in host.file_systems if not f.present and not f.optional]
        used = {d.name: d for d in plan.datasets if d.host == host.name and d.users}
        for system in gone:
            for dataset in used.values():
                if host.file_system_of(dataset.path) is system:
                    yield Problem(
                        f"{host.source}.disks.{system.disk}.device"
                        if system.disk
                        else f"{system.source}.pool",
                        f"{system.mount} has no disk, and {', '.join(dataset.users)} on "
                        f"{host.name} uses the dataset {dataset.name} there",
                        "write the device of the disk, /dev/disk/by-id/…; or write optional: true "
                        "in the disk: the service then runs only while the disk is there",
                    )


@check("key-file")
def key_file(plan: Plan) -> Iterator[Problem]:
    """A key file can unlock a partition only if it is mounted before, and is not on it."""
    for host in plan.hosts.values():
        for system in host.file_systems:
            key = system.encryption.key_file if system.encryption is not None else None
            if key is None:
                continue
            holder = host.file_system_of(key)
            if system.early:
                yield Problem(
                    f"{system.source}.encrypted.key_file",
                    f"{host.name} mounts {system.mount} before any file of it can be read",
                    "leave key_file out: the console asks for the passphrase, or the TPM unlocks "
                    "it with tpm: true",
                )
            elif holder is not None and holder.partition == system.partition:
                yield Problem(
                    f"{system.source}.encrypted.key_file",
                    f"{key} is on {holder.mount}, which it unlocks",
                    "write a file on another file system: /etc/homelab-keys/NAME",
                )


@check("pool-mounted")
def pool_mounted(plan: Plan) -> Iterator[Problem]:
    """A pool is mounted by a name that its kind knows."""
    for host in plan.hosts.values():
        seen: dict[str, str] = {}
        for mount, said in host.config.file_systems.items():
            pool = host.config.pools.get(said.pool or "")
            place = f"{host.source}.file_systems.{mount}"
            if isinstance(pool, MergerfsPool):
                if said.dataset is not None:
                    yield Problem(
                        f"{place}.dataset", f"{said.pool} is no pool of ZFS", "leave dataset out"
                    )
                first = seen.setdefault(said.pool or "", mount)
                if first != mount:
                    yield Problem(
                        f"{place}.pool",
                        f"{said.pool} is mounted at {first} already",
                        "leave it out",
                    )
                for i, branch in enumerate(pool.branches):
                    if f"{branch}/".startswith(f"{mount}/"):
                        yield Problem(
                            f"{host.source}.pools.{said.pool}.branches[{i}]",
                            f"{branch} is in {mount}, where the pool itself is mounted",
                            "write the mount point of a file system elsewhere: /mnt/disk1",
                        )
                    elif f"{mount}/".startswith(f"{branch}/"):
                        yield Problem(
                            place,
                            f"{mount} is in {branch}, a branch of the pool: it would show itself",
                            "mount it outside of its branches: /mnt/pool",
                        )
                if pool.mover is not None and pool.mover.source not in pool.branches:
                    yield Problem(
                        f"{host.source}.pools.{said.pool}.mover.from",
                        f"{pool.mover.source} is no branch of {said.pool}",
                        did_you_mean(pool.mover.source, pool.branches, "branches"),
                    )
            elif pool is not None and said.dataset and said.dataset.split("/")[0] != said.pool:
                yield Problem(
                    f"{place}.dataset",
                    f"{said.dataset} is not in the pool {said.pool}",
                    f"write it as zfs list shows it: {said.pool}/{said.dataset.rpartition('/')[2]}",
                )


@check("swap-place")
def swap_place(plan: Plan) -> Iterator[Problem]:
    """Linux cannot swap to a file in memory, on ZFS, on mergerfs or on another machine."""
    for host in plan.hosts.values():
        swap = host.config.swap
        system = host.file_system_of(swap.file) if swap is not None and swap.file else None
        if system is None:
            continue
        bad = system.kind in (*_NO_SWAP, *NETWORK)
        if bad or system.optional:
            why = f"is {system.kind}" if bad else "is on an optional disk"
            yield Problem(
                f"{host.source}.swap.file",
                f"{system.mount} {why}, which cannot hold a swap file",
                "write a file on ext4, xfs or btrfs, or a partition (disk: NAME, partition: N); "
                "or leave swap out and write zram: {}",
            )
