"""File systems and swap of a host in the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homelab.config.disks import Encryption

EARLY = (
    "/",
    "/etc",
    "/nix",
    "/nix/store",
    "/usr",
    "/var",
    "/var/lib",
    "/var/lib/nixos",
    "/var/log",
)
"""Mount points that NixOS mounts in the initrd (`pathsNeededForBoot`)."""

NFS = "nfs"
"""Kind of a directory that a NAS exports."""
NETWORK = frozenset(
    {NFS, "9p", "ceph", "cifs", "davfs", "glusterfs", "nfs4", "rclone", "smb3", "sshfs"}
    | {"fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"}
)
"""Kinds of file systems whose files are on another machine, which decides about their owners."""


@dataclass(frozen=True)
class FileSystem:
    """A file system that the stack mounts on a host."""

    mount: str
    kind: str
    """`fsType`: ext4, btrfs, zfs, tmpfs, nfs, or fuse.mergerfs."""
    what: str
    """What is mounted, `What=` of systemd.mount(5): a device, a dataset of ZFS, or the branches.
    Empty if the stack does not tell; a check reports it."""
    source: str
    """Its place in the stack config."""
    disk: str = ""
    """Name of its disk in the stack config, or empty."""
    partition: str = ""
    """The partition below an encrypted file system; otherwise the same as `what`."""
    subvolume: str = ""
    """Subvolume of btrfs, or empty for the top level."""
    options: tuple[str, ...] = ()
    encryption: Encryption | None = None
    pool: str = ""
    """Name of its pool in the stack config, or empty."""
    branches: tuple[str, ...] = ()
    """Directories that a mergerfs pool shows."""
    optional_disks: tuple[str, ...] = ()
    """Names of its disks that may be absent."""
    present: bool = True
    """Whether its disk has a device in the stack config."""
    early: bool = False
    """Mounted in the initrd."""
    device: str = ""
    """The whole disk, or empty."""

    @property
    def optional(self) -> bool:
        """Whether a disk of it may be absent."""
        return bool(self.optional_disks)

    @property
    def volume(self) -> str:
        """Name of the unlocked volume below /dev/mapper; empty without encryption."""
        return self.what.removeprefix("/dev/mapper/") if self.encryption is not None else ""

    @property
    def has_snapshots(self) -> bool:
        """Whether it can take snapshots by itself."""
        return self.kind in ("btrfs", "zfs")


@dataclass(frozen=True)
class SwapSpace:
    """Swap on a disk."""

    device: str
    """A file or a partition. Empty if the stack does not tell."""
    source: str
    mib: int = 0
    """Size of the file; 0 for a partition."""
    present: bool = True


def containing(systems: Iterable[FileSystem], path: str) -> FileSystem | None:
    """The file system that contains a path: the one with the deepest mount point."""
    found = [f for f in systems if f.mount == "/" or f"{path}/".startswith(f"{f.mount}/")]
    return max(found, key=lambda f: len(f.mount), default=None)
