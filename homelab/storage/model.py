"""Datasets in the plan."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.config.backup import Tier
from homelab.config.snapshots import Every, SnapshotKeep
from homelab.disks.model import NETWORK
from homelab.services.model import Service
from homelab.system.login import account

SYNCTHING = "syncthing"
"""The catalog entry of the service that synchronises datasets with other devices, and its unit
without a suffix."""


def is_syncthing(service: Service) -> bool:
    """Whether a service is the Syncthing of its host, whatever its key in the stack config is."""
    return service.entry.name == SYNCTHING and not service.is_made


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of a dataset."""

    every: Every
    keep: SnapshotKeep
    directory: str
    """Directory of the snapshots on btrfs; empty on ZFS, which has its own."""
    stated: bool
    """Whether the stack config asks for them; otherwise they follow from the file system."""


@dataclass(frozen=True)
class Dataset:
    """A named directory of data on one host."""

    name: str
    host: str
    path: str
    mount: str
    tier: Tier
    owner: str
    group: str
    mode: str
    users: tuple[str, ...]
    """Services that use it."""
    source: str
    is_mount_stated: bool = True
    """Whether the stack config has its mount point; false if it follows from its file system."""
    dirs: tuple[tuple[str, str, str], ...] = ()
    """Directories in it: (path, owner, mode)."""
    fs: str = ""
    """Its file system; empty if it is unknown."""
    zfs: str = ""
    """Name of its ZFS dataset; empty on other file systems."""
    snapshots: Snapshots | None = None
    quota: int | None = None
    """Most data that it may hold, in bytes."""
    gid: int | None = None
    """Number of its group on the host; None if NixOS assigns it."""
    synced: bool = False
    """Whether Syncthing synchronises it with other devices."""
    holder: str = ""
    """Directory that a unit must see to read it; empty if that is `path`. A replica on btrfs is
    read through a link: a unit that saw only the link would keep the snapshot of its start."""

    @property
    def is_remote(self) -> bool:
        """Whether its files are on a NAS, which decides about their owners and modes."""
        return self.fs in NETWORK

    @property
    def sees(self) -> str:
        """The directory that a unit sees to read it."""
        return self.holder or self.path

    @property
    def waits_for(self) -> str:
        """The path whose mounts a service waits for. Of a mount point that is not stated, a module
        of the owner may have another one below.
        """
        return self.mount if self.is_mount_stated else self.path


@dataclass(frozen=True)
class Replica:
    """The snapshots of a dataset on another host."""

    dataset: Dataset
    host: str
    """Host that receives them."""
    place: str
    """Directory on that host, or its ZFS dataset."""
    address: str
    """Address at which the sender reaches the receiver; empty while the stack lacks it."""
    port: int
    every: Every
    at: str
    max_age_hours: int
    keep: SnapshotKeep
    offline: bool
    """Whether the receiver is not always on, so that it is tried and not failed."""
    wake: str
    """Command of the sender that wakes the receiver; empty if there is none."""

    @property
    def source(self) -> str:
        """Place in the stack config."""
        return f"{self.dataset.source}.replicate"

    @property
    def login(self) -> str:
        """The account on the receiving host."""
        return account(REPLICA, self.dataset.name)

    @property
    def on_zfs(self) -> bool:
        """Whether syncoid sends it, from ZFS to ZFS; otherwise btrbk, from btrfs to btrfs."""
        return self.dataset.fs == "zfs"

    @property
    def unit(self) -> str:
        """The unit of the sender, without its suffix."""
        return f"{'syncoid' if self.on_zfs else 'btrbk'}-{self.instance}"

    @property
    def prefix(self) -> str:
        """Begin of the names of ZFS snapshots that are made to be sent."""
        return f"homelab_{self.host}_"

    @property
    def instance(self) -> str:
        """The sender's instance of btrbk. No dataset has such a name."""
        return f"{self.dataset.name}_{self.host}"


SENDER = "homelab-syncoid"
"""Account that sends ZFS snapshots."""
REPLICA = "replica"
"""Service name of the keys of replicas, and prefix of their accounts."""


def replica_keys(dataset: str) -> tuple[str, str]:
    """Names of the private key on the sender and of the public key on the receiver."""
    return f"{dataset}-key", f"{dataset}-public"
