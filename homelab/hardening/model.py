"""Hardening: the planned sandboxes."""

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
    """Settings that override nixpkgs: they have a recorded exception, or the plain value of nixpkgs
    is weaker."""
    exceptions: tuple[tuple[str, str], ...]
    """(name of the relaxed part, reason)."""
    outranked: tuple[tuple[str, str], ...]
    """(setting, weaker value of nixpkgs)."""
    source: str
