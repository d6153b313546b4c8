"""Datasets in the plan."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.config.backup import Tier


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

    @property
    def waits_for(self) -> str:
        """The path whose mounts a service waits for. Of a mount point that is not stated, a module
        of the owner may have another one below.
        """
        return self.mount if self.is_mount_stated else self.path
