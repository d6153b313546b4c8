"""Releases, waves, and the accounts that deploying needs."""

from __future__ import annotations

from dataclasses import dataclass

BUILD_USER = "nixbuild"
"""The account on a builder that other hosts use for remote builds only."""
BUNDLE_USER = "homelab-bundles"
"""The account on a relay that offline hosts use to fetch their bundle only."""


def wake_command(host: str) -> str:
    """The command that wakes a host; its `wake_by` host has it."""
    return f"wake-{host}"


@dataclass(frozen=True)
class Release:
    """The files that one host is to run."""

    id: str
    """Twelve hex digits: the digest of its files."""
    host: str
    files: tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class WavePlan:
    """Hosts that switch together, after every host of the previous wave."""

    name: str
    hosts: tuple[str, ...]
    why: str
