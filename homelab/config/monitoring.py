"""`homelab:monitoring`, and the `monitor` settings of a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Email, Model, Reason, ServiceSecretRef, Str, alone
from homelab.config.types import RequestPath

Interval = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|m|h)$")]


class Ntfy(Model):
    """Alerts with ntfy."""

    url: Annotated[Str, Field(pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/?$")] = (
        "https://ntfy.sh"
    )
    """Address of the server, without a topic: with one, no alert would arrive."""
    topic: ServiceSecretRef
    """The topic. Keep it secret: whoever knows it reads the alerts."""
    token: ServiceSecretRef | None = None
    """Access token, for a server that requires one for publishing."""


class MonitoringConfig(Model):
    """`homelab:monitoring`."""

    interval: Interval = "60s"
    """Interval between two requests to each route."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of failures in a row before an alert."""
    ntfy: Ntfy | None = None
    email: Email | None = None
    """E-mail address for Cloudflare's notices, for instance that the tunnel is down."""


class ServiceMonitor(Model):
    """How one service is monitored."""

    path: RequestPath | None = None
    """Path that is requested. Default: the service's health path."""
    interval: Interval | None = None
    """Interval between two requests. Default: `monitoring.interval`."""
    skip: Reason | None = None
    """Reason why the service is not monitored."""

    @model_validator(mode="after")
    def _one(self) -> ServiceMonitor:
        alone(self, "skip", ("path", "interval"))
        return self
