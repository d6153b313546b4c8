"""Deployment: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass

BUILD_USER = "nixbuild"
"""The account on a builder that other hosts build through, and nothing else."""
BUNDLE_USER = "homelab-bundles"
"""The account through which offline hosts fetch what waits for them, and nothing else."""


def wake_command(host: str) -> str:
    """The command that wakes a host, on those of its neighbours that may."""
    return f"wake-{host}"


@dataclass(frozen=True)
class Release:
    """What one host is to run."""

    id: str
    """Twelve hex digits: the digest of its files."""
    host: str
    files: tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class WavePlan:
    """Hosts that switch together, after every host of the wave before."""

    name: str
    hosts: tuple[str, ...]
    why: str
