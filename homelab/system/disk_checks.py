"""Checks of what a host boots from: root file system, GRUB's disk, host id for ZFS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from homelab.check import check, file_check
from homelab.hardening.paths import below
from homelab.nix.source import Computed, Setting, read_nix
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.file_systems import mount_settings, own_texts
from homelab.system.model import Host
from homelab.system.own import are_modules_here

GRUB_DEVICE = file_check(
    "grub-device",
    "error",
    "NixOS refuses a host with GRUB that names no disk for it.",
)
FLASH_SWAP = file_check("flash-swap", "warning", "Swap wears out flash memory in a year or two.")
FLASH_SWAP_FILE = file_check(
    "flash-swap-file", "error", "A host with `flash` keeps swap off its root file system."
)
ZFS_HOST_ID = file_check(
    "zfs-host-id", "error", "ZFS imports a pool only on the machine with the pool's host id."
)

Sources = Mapping[str, str | bytes]

_NAMING = (("device",), ("devices",), ("mirroredBoots",))


def has_root(host: Host, sources: Sources) -> bool:
    """Whether the stack config or a hand-written module has a root file system or a disk layout. A
    computed one counts; another check reports a module that is not Nix.
    """
    for setting in mount_settings(host, sources):
        path = setting.path
        if path[:2] in (("fileSystems", "/"), ("fileSystems", "*"), ("disko", "devices")):
            return True
        if path == ("fileSystems",) and isinstance(setting.value, Computed):
            return True
    return any(read_nix(t).unread and "fileSystems" in t for t in own_texts(host, sources))


def check_disks(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Settings that NixOS would refuse on the host only, or that would not boot there."""
    for host in plan.hosts.values():
        if not host.is_nixos or not are_modules_here(host, sources):
            continue
        settings = [*mount_settings(host, sources)]
        paths = {s.path for s in settings}
        by_disko = any(p[:2] == ("disko", "devices") for p in paths)
        grub = any(p[:3] == ("boot", "loader", "grub") and p[3:4] in _NAMING for p in paths)
        boot = host.config.boot
        if boot.loader == "grub" and boot.device is None and not grub and not by_disko:
            yield Problem(
                f"{host.source}.boot",
                "it does not name the disk that GRUB is written to",
                "add device: /dev/disk/by-id/… (the whole disk), or device: nodev on EFI",
                check=GRUB_DEVICE,
            )
        if host.config.flash and _swaps_to_root(host, paths):
            yield Problem(
                f"{host.source}.swap.file",
                f"the swap file of {host.name} is on its root, which is on flash (flash: true)",
                "leave swap out and write zram: {}, or leave flash out",
                check=FLASH_SWAP_FILE,
            )
        elif host.config.flash and host.swap is not None:
            yield Problem(
                host.swap.source,
                f"the root of {host.name} is on flash, which swap wears out",
                "leave swap out and write zram: {}, or leave flash out",
                check=FLASH_SWAP,
                severity="warning",
            )
        elif host.config.flash and any(map(_swaps, settings)):
            yield Problem(
                f"{host.source}.flash",
                f"a module of {host.name} swaps to disk, which wears flash out",
                "take swapDevices out of it and write zram: {}, or leave flash out",
                check=FLASH_SWAP,
                severity="warning",
            )
        has_number = host.config.host_id or ("networking", "hostId") in paths
        receives = any(r.on_zfs and r.host == host.name for r in plan.replicas)
        if (receives or any(map(_is_zfs, settings))) and not has_number:
            yield Problem(
                f"{host.source}.host_id",
                f"{host.name} has ZFS, which knows a machine by a number of eight digits",
                'add host_id: "…" with what `hostid` prints on the host, or for a new machine '
                "the first eight characters of its /etc/machine-id; in quotes",
                check=ZFS_HOST_ID,
            )


@check("host-id-unique")
def host_id_unique(plan: Plan) -> Iterator[Problem]:
    """ZFS takes a pool with the same host id for its own, and two machines that write one pool
    destroy it.
    """
    first: dict[str, str] = {}
    for host in plan.hosts.values():
        number = host.config.host_id if host.is_nixos else None
        if number is None:
            continue
        other = first.setdefault(number, host.name)
        if other != host.name:
            yield Problem(
                f"{host.source}.host_id",
                f"{host.name} and {other} have the host id {number}, so ZFS imports a pool of one "
                "on the other without asking",
                f"write what `hostid` prints on {host.name}, in quotes, or for a new machine the "
                "first eight characters of its /etc/machine-id",
            )


def _swaps_to_root(host: Host, paths: AbstractSet[tuple[str, ...]]) -> bool:
    """Whether its swap file is below no mount point but the root."""
    file = host.config.swap.file if host.config.swap else None
    mounts = {f.mount for f in host.file_systems} | {p[1] for p in paths if _is_mount(p)}
    return file is not None and not any(below(file, (m,)) for m in mounts - {"/"})


def _is_mount(path: tuple[str, ...]) -> bool:
    return path[0] == "fileSystems" and len(path) > 1


def _swaps(setting: Setting) -> bool:
    """Whether a setting adds swap on a disk."""
    return setting.path[0] == "swapDevices" and setting.value not in ((), None)


def _is_zfs(setting: Setting) -> bool:
    """Whether a setting makes the host import a ZFS pool."""
    path, value = setting.path, setting.value
    if path[0] == "fileSystems" and path[-1] == "fsType":
        return value == "zfs"
    if path[-1] == "supportedFilesystems":
        return isinstance(value, tuple) and "zfs" in value
    if path[-2:] == ("supportedFilesystems", "zfs"):
        return value is not False
    return path[0] == "disko" and path[-1] == "type" and value in ("zpool", "zfs_fs", "zfs_volume")
