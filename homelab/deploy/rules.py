"""What a host's preflight and switch go by, apart from the release itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """One thing that a host is for, and how to see on the host whether it works."""

    kind: Literal["unit", "http", "dns"]
    name: str
    """What people call it; no two of a host share it."""
    target: str
    """A unit, an address to ask, or a name to resolve."""
    resolve: str = ""
    """For http by a host name: where that leads, as curl takes it (`a.example:443:127.0.0.1`)."""


@dataclass(frozen=True)
class Rules:
    """What one host's preflight and switch go by."""

    host: str
    loader: str = "hardware"
    """Boot loader, in the stack's word for it."""
    limit: int = 10
    """Generations kept on the boot partition."""
    again: str = ""
    """Another word than last time: switch again, whatever somebody did to the host by hand."""
    may_fail: tuple[str, ...] = ()
    """Units whose failure is no reason to roll back."""
    probes: tuple[Probe, ...] = ()
    """What must still answer after the switch, where it answered before."""
