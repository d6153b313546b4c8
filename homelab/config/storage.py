"""`homelab:datasets`, and their shares by SMB and NFS."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.backup import Tier
from homelab.config.base import AbsolutePath, Model, Name, Permissions, Reason, Str, pattern
from homelab.config.snapshots import FileSystem, Quota, Replicate, SnapshotConfig
from homelab.config.syncing import Syncing
from homelab.config.types import ZfsName


class SambaConfig(Model):
    """A dataset as a network drive (SMB), reachable for devices of the tailnet."""

    share: Name | None = None
    """Name of the share. Default: the dataset's name."""
    users: list[Name] = Field(default_factory=list)
    """Users who may open it, by their names in `site.owner` and `site.members`. Default: only the
    owner. Set their passwords once on the host: `smbpasswd -a kim`."""
    guest: bool = False
    """Allow access without a password, for every device that reaches the share."""
    read_only: bool = False
    """Nobody can write to the share."""
    lan: Reason | None = None
    """Reason why devices on the LAN can open it too: `the television has no Tailscale`. Default:
    only devices of the tailnet can."""
    time_machine: bool = False
    """Macs can back up to it with Time Machine, up to the dataset's `quota`."""

    @model_validator(mode="after")
    def _backups(self) -> SambaConfig:
        if self.time_machine and (self.read_only or self.guest):
            word = "read_only" if self.read_only else "guest"
            raise ValueError(
                f"Time Machine needs a user who can write; leave {word} out, or time_machine"
            )
        return self


class NfsConfig(Model):
    """A dataset that other hosts of the stack mount over NFS 4.2. A service there names it as if it
    were on its own host.
    """

    hosts: dict[Name, AbsolutePath]
    """Hosts that mount it, and where: `{workstation: /mnt/films}`. No other machine can."""
    read_only: bool = False
    """The hosts cannot write it."""
    squash: bool = True
    """Whatever a host does is done as the dataset's owner and group, or as nobody in place of root.
    With `false`, each user of a host keeps its number, and only root becomes nobody; services that
    write then need the same numbers on both hosts: `ids`."""


class DatasetDirectory(Model):
    """A directory in a dataset."""

    owner: Name | None = None
    """Default: the owner of the dataset."""
    mode: Permissions | None = None
    """Permission bits, in quotes. Default: those of the dataset."""


DirectoryName = Annotated[
    Str,
    pattern(
        r"(?!\.\.?(/|$))[A-Za-z0-9._][A-Za-z0-9._ -]*(?<! )",
        "this is not the name of a directory; write one name without slashes: films",
    ),
]


def _by_name(value: object) -> object:
    """Names the other field for the number of a group."""
    number = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(number, str) and number.isdigit():
        raise ValueError(
            f"a group has a name; write group: media, and its number as gid: {int(number)}"
        )
    return value


class DatasetConfig(Model):
    """A directory that services share, and how bad its loss would be."""

    host: Name
    path: AbsolutePath
    tier: Tier
    mount: AbsolutePath | None = None
    """Mount point that must be mounted before a service uses the dataset. Default: `path`."""
    owner: Name = "root"
    group: Annotated[Name, BeforeValidator(_by_name)] = "users"
    gid: Annotated[int, Field(ge=100, le=60000)] | None = None
    """Number of the group on the host, for files that have it already: `{group: media, gid: 1005}`.
    Default: NixOS assigns one. A group that the host has keeps its number until `groupmod`."""
    mode: Permissions = "2775"
    """Permission bits, in quotes. On a NAS, owners and modes stay as they are there."""
    dirs: dict[DirectoryName, DatasetDirectory] = Field(default_factory=dict)
    """Directories in it, created with its owner, group and mode: `{films: {}, tv: {}}`. On a NAS
    they are there already."""
    fs: FileSystem | None = None
    """File system that holds it. btrfs and zfs have snapshots and quotas; nfs, cifs and sshfs are
    on a NAS. Default: zfs with `zfs`, else as the host's `disks`, `pools` and shares say."""
    zfs: ZfsName | None = None
    """The ZFS dataset that is mounted at `path`, as `zfs list` shows it: `tank/photos`."""
    snapshot: SnapshotConfig | None = None
    """Read-only snapshots: `hourly`, `daily` or `none`, or
    `{every: hourly, keep: {hourly: 24, daily: 14, weekly: 8}}`. On btrfs, `path` must be a
    subvolume. Default: daily with `fs` or `zfs`, and where the host's `disks` mount a subvolume
    or ZFS dataset at `path`; none for tier re-derivable and elsewhere."""
    quota: Quota | None = None
    """Most data that it may hold, without its snapshots: `500 GB` or `3 TB`. Needs btrfs or zfs."""
    replicate: Replicate | None = None
    """Send its snapshots to another host:
    `{to: workstation, path: /mnt/mp510/photos, max_age_hours: 25}`."""
    backup: Reason | None = None
    """Reason why a dataset of tier irreplaceable or user is not backed up here."""
    samba: SambaConfig | None = None
    """Share the dataset as a network drive on the tailnet: `samba: {}`."""
    nfs: NfsConfig | None = None
    """Let other hosts of the stack mount it over NFS: `{hosts: {workstation: /mnt/films}}`."""
    syncthing: Syncing | None = None
    """Synchronise it with other devices, by the service `syncthing` of its host:
    `{devices: {phone: ABCDEFG-…}}`."""

    @model_validator(mode="after")
    def _zfs(self) -> DatasetConfig:
        if self.zfs is not None and self.fs not in (None, "zfs"):
            raise ValueError(f"zfs names a ZFS dataset, and fs is {self.fs}; leave one of them out")
        return self

    def path_on(self, host: str) -> str | None:
        """Where a host has the dataset: its path, where it is mounted over NFS, or the newest
        snapshot of its replica; else None.
        """
        if host == self.host:
            return self.path
        if self.nfs is not None and host in self.nfs.hosts:
            return self.nfs.hosts[host]
        copy = self.replicate
        return copy.read_at if copy is not None and copy.to == host else None
