"""Datasets: named places on disks, used by name."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.backup.model import Tier
from homelab.model import AbsolutePath, Model, Name, Permissions, Reason
from homelab.storage.shares import SambaConfig


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


@dataclass(frozen=True)
class Dataset:
    """A dataset in the plan."""

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
