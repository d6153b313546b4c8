"""Kernel modules that the file systems of a host need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.config.pools import ZfsPool
from homelab.nix.source import Setting, Value
from homelab.system.file_systems import mount_settings
from homelab.system.model import Host

Need = tuple[re.Pattern[str], str]
"""Modules, and what needs them."""
_ENCRYPTED = re.compile("dm_crypt|dm_mod")
_VOLUMES = re.compile("dm_mod")
_DISKS = {
    "ata": re.compile(r"ahci|libata|sd_mod|scsi_mod"),
    "mmc": re.compile(r"mmc_\w+|sdhci\w*"),
    "nvme": re.compile(r"nvme(_core)?"),
    "usb": re.compile(r"sd_mod|uas|usb_storage|xhci\w*|ehci\w*"),
}
"""By the start of a name in /dev/disk/by-id."""
_TYPES = {
    "btrfs": r"btrfs|raid6_pq|xor",
    "cifs": r"cifs\w*|smb3",
    "ext2": r"ext2|ext4|jbd2|mbcache",
    "ext3": r"ext3|ext4|jbd2|mbcache",
    "ext4": r"ext4|jbd2|mbcache",
    "iso9660": r"isofs",
    "nfs": r"nfs|nfsv[34]|lockd|sunrpc",
    "nfs4": r"nfs|nfsv4|lockd|sunrpc",
    "ntfs": r"ntfs|ntfs3|fuse",
    "smb3": r"cifs\w*|smb3",
    # mount(8) of vfat asks for the code pages of short and long names.
    "vfat": r"vfat|fat|nls_cp437|nls_iso8859_1",
    "zfs": r"zfs|spl",
}
"""By `fsType`; any other type is the name of its module."""
_BY_FUSE = frozenset(("bindfs", "fuse", "mergerfs", "ntfs-3g", "rclone", "sshfs"))
"""Types of programs that mount with FUSE, besides `fuse.…`."""


def storage_needs(host: Host, sources: Mapping[str, str | bytes]) -> Iterator[Need]:
    """What mounts on a host need: those of its own modules, and those of the stack config."""
    for setting in mount_settings(host, sources):
        yield from _of_setting(setting)
    for system in host.file_systems:
        if system.encryption is not None:
            yield _ENCRYPTED, f"the encrypted file system {system.mount}"
        yield from _disk(system.device or system.what, system.mount)
    if any(isinstance(pool, ZfsPool) for pool in host.config.pools.values()):
        yield re.compile(_TYPES["zfs"]), "ZFS pools"


def _of_setting(setting: Setting) -> Iterator[Need]:
    path, value = setting.path, setting.value
    if path[0] == "fileSystems" and len(path) == 3 and isinstance(value, str):
        if path[2] == "fsType":
            yield _modules(value), f"the file system {path[1]}"
        elif path[2] == "device":
            yield from _disk(value, path[1])
    elif path[:4] == ("boot", "initrd", "luks", "devices") and len(path) > 4:
        yield _ENCRYPTED, f"the encrypted volume {path[4]}"
        if path[-1] == "device" and isinstance(value, str):
            yield from _disk(value, path[4])
    elif path[:2] == ("disko", "devices"):
        yield from _of_disko(path, value)


def _of_disko(path: tuple[str, ...], value: Value) -> Iterator[Need]:
    name = path[3] if len(path) > 3 else ""
    if path[-1] in ("format", "fsType") and isinstance(value, str):
        yield _modules(value), f"the file system of {name}"
    elif path[-1] == "type" and value in ("luks", "lvm_pv", "lvm_vg", "btrfs", "zfs", "zpool"):
        kinds = {"luks": _ENCRYPTED, "btrfs": _modules("btrfs")}
        kinds |= {"zfs": _modules("zfs"), "zpool": _modules("zfs")}
        yield kinds.get(str(value), _VOLUMES), f"the disk {name}"
    elif path[-1] == "device" and isinstance(value, str):
        yield from _disk(value, name)


def _modules(kind: str) -> re.Pattern[str]:
    if kind in _BY_FUSE or kind.startswith("fuse."):
        return re.compile("fuse")
    return re.compile(_TYPES.get(kind) or re.escape(kind.replace("-", "_")))


def _disk(device: str, mount: str) -> Iterator[Need]:
    bus = re.match(r"/dev/(?:disk/by-id/)?(ata|mmc|nvme|usb)(?=-|blk|\d)", device)
    if bus is not None:
        yield _DISKS[bus[1]], f"the disk of {mount}"
    if device.startswith("/dev/mapper/"):
        yield _VOLUMES, f"the volume of {mount}"
