"""`homelab:datasets` and Samba shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.backup import Tier
from homelab.config.base import AbsolutePath, Model, Name, Permissions, Reason, Str, pattern


class SambaConfig(Model):
    """A dataset as a network drive (SMB), reachable only for devices of the tailnet."""

    share: Name | None = None
    """Name of the share. Default: the dataset's name."""
    users: list[Name] = Field(default_factory=list)
    """Users who may open it, by their names in `site.owner` and `site.members`. Default: only the
    owner. Set their passwords once on the host: `smbpasswd -a kim`."""
    guest: bool = False
    """Allow access without a password, for every device that reaches the share."""
    read_only: bool = False
    """Nobody can write to the share."""


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


class DatasetConfig(Model):
    """A directory that services share, and how bad its loss would be."""

    host: Name
    path: AbsolutePath
    tier: Tier
    mount: AbsolutePath | None = None
    """Mount point that must be mounted before a service uses the dataset. Default: `path`."""
    owner: Name = "root"
    group: Name = "users"
    mode: Permissions = "2775"
    """Permission bits, in quotes."""
    dirs: dict[DirectoryName, DatasetDirectory] = Field(default_factory=dict)
    """Directories in it, created with its owner, group and mode: `{films: {}, tv: {}}`."""
    backup: Reason | None = None
    """Reason why a dataset of tier irreplaceable or user is not backed up here."""
    samba: SambaConfig | None = None
    """Share the dataset as a network drive on the tailnet: `samba: {}`."""
