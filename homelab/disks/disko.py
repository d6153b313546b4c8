"""Text for disko: the layout of a new machine's disks. Nothing else of homelab describes one.

It follows nix-community/disko's options `disko.devices`: tables of partitions, LUKS, btrfs
subvolumes, ZFS pools. A person runs disko with it, on the new machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.disks import in_bytes
from homelab.config.pools import ZfsPool
from homelab.disks.model import FileSystem
from homelab.disks.plan import MIB, partition_of
from homelab.nix import Attrs, Nix, merge, print_file
from homelab.problems import UsageError
from homelab.system.model import Host

_BOOT = "EF00"
"""Type of an EFI system partition."""
_GRUB = "EF02"
"""Type of the partition for GRUB itself, which a BIOS starts from a GPT disk."""


def disko_text(host: Host, *, reinstall: bool = False) -> str:
    """The layout of a planned host, as a Nix file. Raises UsageError for any other host, and for a
    layout that the stack config does not describe completely.

    With `reinstall`, the host may be in any state: a person confirmed that its disks are erased.
    """
    problems = [*_problems(host, reinstall=reinstall)]
    if problems:
        raise UsageError("; ".join(problems))
    config = host.config
    disks: Attrs = {
        name: {
            "type": "disk",
            "device": device,
            "content": {"type": "gpt", "partitions": _partitions(host, name)},
        }
        for name, device in layout_disks(host)
    }
    pools: Attrs = {
        name: {"type": "zpool", "mode": "" if pool.layout == "stripe" else pool.layout}
        | {"datasets": _datasets(host, name)}
        for name, pool in sorted(config.pools.items())
        if isinstance(pool, ZfsPool)
    }
    memory: Attrs = {
        f.mount: {"fsType": "tmpfs", "mountOptions": [*f.options]}
        for f in host.file_systems
        if f.kind == "tmpfs"
    }
    kinds: Attrs = {"disk": disks, "zpool": pools, "nodev": memory}
    body: Attrs = {"disko": {"devices": {k: v for k, v in kinds.items() if v}}}
    listed = "\n".join(f"  {name}: {config.disks[name].device}" for name in sorted(disks))
    head = (
        f"The disks of {host.name}, a new machine. disko ERASES these when it runs with this:\n"
        f"{listed}\n"
        "Only homelab install runs it; `pulumi up` does not send it to a host."
    )
    return print_file(body, head=head)


def layout_disks(host: Host) -> list[tuple[str, str]]:
    """Name and device of each disk that the layout has, by name. The host's other disks stay as
    they are.
    """
    return [
        (name, disk.device or "")
        for name, disk in sorted(host.config.disks.items())
        if _numbers(host, name) or _pool_of(host, name)
    ]


def _problems(host: Host, *, reinstall: bool) -> Iterator[str]:
    name, config = host.name, host.config
    if config.state != "planned" and not reinstall:
        yield (
            f"{name} is {config.state}, so its disks may hold data; a layout is for a new machine: "
            f"write hosts.{name}.state: planned until it is installed"
        )
        return
    if not config.disks:
        yield f"hosts.{name}.disks is empty; add the disks of the new machine, by-id"
    for mount, said in config.file_systems.items():
        if said.source is not None:
            yield (
                f"{mount} is on {said.source}, which a new machine does not have; write disk: NAME "
                "and partition: N instead of from"
            )
    if config.swap is not None and config.swap.source is not None:
        yield "the swap partition does not exist on a new machine; write disk: NAME, partition: N"
    for disk, stated in config.disks.items():
        numbers = sorted(_numbers(host, disk))
        if (numbers or _pool_of(host, disk)) and stated.device is None:
            yield f"the disk {disk} has no device; write the one of the new machine, by-id"
        first = 2 if _has_grub(host, disk) else 1
        if first == 2 and 1 in numbers:
            yield (
                f"GRUB needs partition 1 of {disk} for itself, on a machine without UEFI; number "
                "the others from 2"
            )
        elif numbers != [*range(first, len(numbers) + first)]:
            yield (
                f"the partitions of {disk} are {', '.join(map(str, numbers))}; disko numbers them "
                f"from {first} to {len(numbers) + first - 1}"
            )
        unsized = [n for n in numbers if not _size(host, disk, n)]
        last = [] if _pool_of(host, disk) else numbers[-1:]
        for number in unsized:
            if [number] != last:
                yield f"partition {number} of {disk} has no size, and is not the last one; add size"


def _has_grub(host: Host, disk: str) -> bool:
    """Whether a BIOS starts GRUB from this disk."""
    boot = host.config.boot
    device = host.config.disks[disk].device
    return boot.loader == "grub" and device is not None and boot.device == device


def _numbers(host: Host, disk: str) -> set[int]:
    """The partitions of a disk that the stack names."""
    config = host.config
    found = {
        partition_of(config, said) for said in config.file_systems.values() if said.disk == disk
    }
    if config.swap is not None and config.swap.disk == disk:
        found.add(partition_of(config, config.swap))
    return {number for number in found if number is not None}


def _pool_of(host: Host, disk: str) -> str:
    """The ZFS pool that a disk belongs to, or empty."""
    pools = host.config.pools.items()
    return next((n for n, p in pools if isinstance(p, ZfsPool) and disk in p.disks), "")


def _on(host: Host, disk: str, number: int) -> list[FileSystem]:
    said = host.config.file_systems
    return [
        f
        for f in host.file_systems
        if said[f.mount].disk == disk and partition_of(host.config, said[f.mount]) == number
    ]


def _size(host: Host, disk: str, number: int) -> str:
    """Size of a partition for disko; empty for the rest of the disk."""
    config = host.config
    sizes = [config.file_systems[f.mount].size for f in _on(host, disk, number)]
    if config.swap is not None and config.swap.disk == disk and config.swap.partition == number:
        sizes.append(config.swap.size)
    largest = max((in_bytes(s) for s in sizes if s is not None), default=0)
    return f"{largest // MIB}M" if largest else ""


def _partitions(host: Host, disk: str) -> Attrs:
    out: Attrs = {}
    if _has_grub(host, disk):
        out["part1"] = {"priority": 1, "size": "1M", "type": _GRUB}
    for number in sorted(_numbers(host, disk)):
        systems = _on(host, disk, number)
        body: Attrs = {"priority": number, "size": _size(host, disk, number) or "100%"}
        if any(f.kind == "vfat" and f.mount.startswith("/boot") for f in systems):
            body["type"] = _BOOT
        body["content"] = _content(systems, host) if systems else {"type": "swap"}
        out[f"part{number}"] = body
    pool = _pool_of(host, disk)
    if pool:
        number = len(out) + 1
        rest: Attrs = {"type": "zfs", "pool": pool}
        out[f"part{number}"] = {"priority": number, "size": "100%", "content": rest}
    return out


def _content(systems: list[FileSystem], host: Host) -> Attrs:
    first = systems[0]
    inner: Attrs
    if first.kind == "btrfs":
        inner = {"type": "btrfs"}
        if not first.subvolume:
            inner |= {"mountpoint": first.mount, "mountOptions": _options(first)}
        below: Attrs = {
            f"/{f.subvolume}": {"mountpoint": f.mount, "mountOptions": _options(f)}
            for f in systems
            if f.subvolume
        }
        kept = host.config.persistence
        if kept is not None and kept.blank is not None and any(f.mount == "/" for f in systems):
            # The root of a later boot is a snapshot of it. Nothing mounts it, so it stays blank.
            below[f"/{kept.blank}"] = {}
        inner |= {"subvolumes": below} if below else {}
    else:
        inner = {
            "type": "filesystem",
            "format": first.kind,
            "mountpoint": first.mount,
            "mountOptions": _options(first),
        }
    if first.encryption is None:
        return inner
    settings: Attrs = {"allowDiscards": True} if first.encryption.discard else {}
    # disko asks for a passphrase. A key file or the TPM is enrolled afterwards.
    late = {"initrdUnlock": False} if first.encryption.key_file is not None else {}
    luks: Attrs = {"type": "luks", "name": first.volume, "settings": settings}
    return merge(luks, late, {"content": inner})


def _options(system: FileSystem) -> list[Nix]:
    """Mount options for disko, which adds the subvolume itself."""
    chosen: list[Nix] = [o for o in system.options if not o.startswith("subvol=")]
    return chosen or ["defaults"]


def _datasets(host: Host, pool: str) -> Attrs:
    """Datasets below the pool. The pool's own file system has no name of its own in disko."""
    return {
        f.what.partition("/")[2]: {
            "type": "zfs_fs",
            "mountpoint": f.mount,
            "options": {"mountpoint": f.mount if "zfsutil" in f.options else "legacy"},
        }
        for f in host.file_systems
        if f.pool == pool and "/" in f.what
    }
