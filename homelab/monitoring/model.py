"""Monitoring: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from homelab.model import Email, Model, Reason, SecretRef, Str
from homelab.words import RequestPath

Interval = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|m|h)$")]


class Ntfy(Model):
    """Alerts by ntfy."""

    url: Annotated[Str, Field(pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/?$")] = (
        "https://ntfy.sh"
    )
    """The server alone; a topic in it would silently disable alerts."""
    topic: SecretRef
    """The topic, which is as secret as a password."""
    token: SecretRef | None = None
    """Access token, for a server that lets nobody write without one."""


class MonitoringConfig(Model):
    """`homelab:monitoring`."""

    interval: Interval = "60s"
    """How often each route is asked."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures in a row before an alert."""
    ntfy: Ntfy | None = None
    email: Email | None = None
    """Address for Cloudflare's own notices (a tunnel that went down)."""


class ServiceMonitor(Model):
    """How one service is watched."""

    path: RequestPath | None = None
    interval: Interval | None = None
    skip: Reason | None = None
    """Why it is not watched."""


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
