"""Monitoring: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """One thing that is asked again and again."""

    name: str
    group: str
    url: str
    """`https://…`, `tcp://host:port`, or a resolver's address."""
    interval: str
    conditions: tuple[str, ...]
    failures: int
    relaxed: bool
    """The host may sleep: no alert."""
    dns: tuple[str, str] | None
    """(query name, expected answer) for a resolver."""
    headers: tuple[tuple[str, str], ...]
    """Headers of the request."""
    proves: bool
    """False where a gate answers in the app's place."""
    source: str


@dataclass(frozen=True)
class MonitoringPlan:
    """The probes, and who asks them."""

    host: str
    probes: tuple[Probe, ...]
    skipped: tuple[tuple[str, str], ...]
    """(service, reason)."""
    alerts: str
    """URL of the ntfy server, or empty."""
