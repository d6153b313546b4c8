"""Hardening: what the stack config says of one service, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from homelab.model import AbsolutePath, Model, Name, Reason
from homelab.nix import Nix


class ServiceHardening(Model):
    """A service's exceptions from the baseline."""

    read_write: list[AbsolutePath] = Field(default_factory=list)
    """Further directories it writes."""
    read_only: list[AbsolutePath] = Field(default_factory=list)
    """Further directories it may see below /mnt, /srv and /home."""
    relax: dict[Name, Reason] = Field(default_factory=dict)
    """Parts of the baseline that it cannot bear, each with the reason. See the guide for names."""
    exempt: Reason | None = None
    """Why the baseline does not apply at all."""


@dataclass(frozen=True)
class UnitHardening:
    """The sandbox of one systemd unit."""

    service: str
    host: str
    unit: str
    settings: tuple[tuple[str, Nix], ...]
    """serviceConfig, in the order of the baseline."""
    forced: tuple[str, ...]
    """Settings that must outrank nixpkgs: an exception is recorded for them, or nixpkgs' own plain
    value is weaker."""
    exceptions: tuple[tuple[str, str], ...]
    """(what is relaxed, why)."""
    outranked: tuple[tuple[str, str], ...]
    """(setting, nixpkgs' own weaker value)."""
    source: str
