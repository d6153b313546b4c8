"""Monitoring: the planned health checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

MONITORS = "homelab-monitors"
"""The unit that gives Uptime Kuma its monitors."""
SPACE = "homelab-space"
"""The unit that fails while a file system is nearly full."""
HEARTBEAT = "homelab-heartbeat"
"""The unit that tells a service elsewhere that the host runs."""
HEARTBEAT_URL = ("heartbeat", "url")
"""Group and name of the secret with the address that it asks."""
KUMA_PASSWORD = ("kuma", "password")
"""Group and name of the secret with which that unit signs in."""


@dataclass(frozen=True)
class Probe:
    """One health check."""

    name: str
    group: str
    url: str
    """`https://…`, `tcp://host:port`, or the address of a resolver."""
    interval: str
    conditions: tuple[str, ...]
    failures: int
    relaxed: bool
    """The host is not always on, so a failure sends no alert."""
    dns: tuple[str, str] | None
    """(query name, expected answer) for a resolver."""
    headers: tuple[tuple[str, str], ...]
    """Headers of the request."""
    keyword: str
    """Text that the page must contain; empty for any page."""
    proves: bool
    """False if the auth proxy answers instead of the app."""
    source: str


@dataclass(frozen=True)
class MonitoringPlan:
    """The health checks, and the host that makes them."""

    host: str
    probes: tuple[Probe, ...]
    skipped: tuple[tuple[str, str], ...]
    """(service, reason)."""
    alerts: str
    """URL of the ntfy server, or empty."""

    @cached_property
    def watched(self) -> frozenset[str]:
        """The place of each service with a health check that reaches it and may send alerts."""
        probes = (p for p in self.probes if p.proves and not p.relaxed)
        return frozenset(p.source.partition(".routes")[0] for p in probes)
