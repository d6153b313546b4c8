"""`homelab:monitoring`, and the `monitor` settings of a service."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from homelab.config.base import (
    Email,
    Model,
    Name,
    Reason,
    ServiceSecretRef,
    Str,
    alone,
    pattern,
)
from homelab.config.types import RequestPath

_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST = 576 * 3600
"""MAX_INTERVAL_SECOND of src/util.ts of louislam/uptime-kuma: 24 days."""


def seconds(interval: str) -> int:
    """The seconds of an interval."""
    return int(interval[:-1]) * _UNITS[interval[-1]]


def _frequent(value: str) -> str:
    if seconds(value) > _LONGEST:
        raise ValueError(
            f"{value} is longer than the 24 days that Uptime Kuma allows; write at most 576h"
        )
    return value


Interval = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|m|h)$"), AfterValidator(_frequent)]


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


class Monitor(Model):
    """A health check of something that is no service of the stack: a router, a site elsewhere."""

    url: Annotated[
        Str,
        pattern(
            r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[^\s\"'<>`{}|\\^]*)?"
            r"|tcp://[A-Za-z0-9][A-Za-z0-9.-]*:[0-9]{1,5}",
            "this is not an address to check; write https://…, http://… or tcp://HOST:PORT",
        ),
    ]
    """Address: `https://example.org/health`, or `tcp://192.168.1.1:22` for a port."""
    keyword: (
        Annotated[
            Str,
            pattern(
                r"[^\x00-\x1f*?\[\]\\()]{1,200}",
                "a keyword is a piece of text on one line, without * ? [ ] ( ) and \\; write a "
                "part of it that has none",
            ),
        ]
        | None
    ) = None
    """Text that the page must contain."""
    interval: Interval | None = None
    """Interval between two requests. Default: `monitoring.interval`."""
    retries: Annotated[int, Field(ge=0, le=99)] | None = None
    """Number of retries before an alert. Default: one less than `monitoring.failures`."""

    @model_validator(mode="after")
    def _page(self) -> Monitor:
        if self.keyword is not None and self.url.startswith("tcp://"):
            raise ValueError("a port has no page with a keyword; leave keyword out")
        port = re.match(r"[a-z]+://[^/:]+:([0-9]+)", self.url)
        if port is not None and not 0 < int(port[1]) < 65536:
            raise ValueError(f"there is no port {port[1]}; write one from 1 to 65535 in url")
        return self


class Kuma(Model):
    """The account with which homelab keeps monitors on Uptime Kuma."""

    user: Annotated[Str, pattern(r"[^\x00-\x1f]{1,100}", "a user name is one line")] | None = None
    """User name there. A new Uptime Kuma gets this account. Default: the owner's user name."""
    password: ServiceSecretRef | None = None
    """Its password, for an Uptime Kuma that has an account already. Default: a derived one, which
    `homelab secret kuma-password` prints."""


class Heartbeat(Model):
    """A request that a host sends again and again to a service elsewhere, which alerts when none
    comes: Healthchecks, or a push monitor of an Uptime Kuma at a friend's.
    """

    host: Name
    """The host that sends it: best the one with the health checks, which nothing else watches."""
    url: ServiceSecretRef
    """The whole address. Keep it secret: whoever knows it can send it in your place."""
    every: Interval = "60s"
    """Interval between two requests. Let the service wait for at least two of them."""


class MonitoringConfig(Model):
    """`homelab:monitoring`."""

    interval: Interval = "60s"
    """Interval between two requests to each route."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of failures in a row before an alert."""
    monitors: dict[Name, Monitor] = Field(default_factory=dict)
    """Health checks besides those of the services, for Gatus and for Uptime Kuma: `{router: {url:
    "http://192.168.1.1"}}`."""
    kuma: Kuma | None = None
    """Uptime Kuma gets a monitor for each route and each of `monitors`: write `{}`. Those that
    people make on its pages stay. Default: all are made on its pages."""
    ntfy: Ntfy | None = None
    heartbeat: Heartbeat | None = None
    """Tells a service outside the home that a host runs, for alerts when the home has no power."""
    full_percent: Annotated[int, Field(ge=50, le=99)] | None = None
    """Each NixOS host looks at its file systems once a day, the boot partition included, and alerts
    while one is fuller than this. Not on an agent, which knows no topic. Needs `ntfy`."""
    email: Email | None = None
    """E-mail address for Cloudflare's notices, for instance that the tunnel is down."""

    @model_validator(mode="after")
    def _reaches_somebody(self) -> MonitoringConfig:
        if self.full_percent is not None and self.ntfy is None:
            raise ValueError(
                "without ntfy nobody is notified of a full disk; add ntfy: {topic: {sops: "
                "ntfy/topic}}, or leave full_percent out"
            )
        return self


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
