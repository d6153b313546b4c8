"""`homelab:monitoring`, and how a service is watched."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.base import Email, Model, Reason, SecretRef, Str
from homelab.config.types import RequestPath

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
