"""Hardening: what the stack config says of one service, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.nix import Nix


@dataclass(frozen=True)
class UnitHardening:
    """The sandbox of one systemd unit."""

    service: str
    host: str
    unit: str
    has_baseline: bool
    """The baseline applies. It does not where nixpkgs' own module is as strict, or for an exempt
    unit."""
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
