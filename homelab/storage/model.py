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
    dirs: tuple[tuple[str, str, str], ...] = ()
    """Directories in it: (path, owner, mode)."""
