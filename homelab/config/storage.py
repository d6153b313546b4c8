"""`homelab:datasets` and Samba shares."""

from __future__ import annotations

from pydantic import Field

from homelab.config.backup import Tier
from homelab.config.base import AbsolutePath, Model, Name, Permissions, Reason


class SambaConfig(Model):
    """A dataset as a network drive (SMB) for devices of the tailnet. Nobody else reaches it."""

    share: Name | None = None
    """Name of the drive; the dataset's name when empty."""
    users: list[Name] = Field(default_factory=list)
    """Who may open it, by the names of `site.owner` and `site.members`; the owner alone when empty.
    Their passwords are set once on the host: `smbpasswd -a kim`."""
    guest: bool = False
    """Open it to every device that reaches it, without a password."""
    read_only: bool = False
    """Nobody changes anything."""


class DatasetConfig(Model):
    """A directory that services share, and what it is worth."""

    host: Name
    path: AbsolutePath
    tier: Tier
    mount: AbsolutePath | None = None
    """Mount point that must be there before anything uses it; the path itself when empty."""
    owner: Name = "root"
    group: Name = "users"
    mode: Permissions = "2775"
    """Permission bits, in quotes."""
    backup: Reason | None = None
    """Why an irreplaceable or user dataset is not backed up by us."""
    samba: SambaConfig | None = None
    """Share it as a network drive on the tailnet: `samba: {}`."""
