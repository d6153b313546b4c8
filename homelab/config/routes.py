"""Routes of a service: names, upstreams, sign-in, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from homelab.config.base import (
    AbsolutePath,
    Audience,
    Auth,
    Domain,
    Kind,
    Model,
    Name,
    Publish,
    Reason,
    Str,
)
from homelab.config.types import ExemptPath, TunnelTarget


class Upstream(Kind):
    """How the proxy talks to the app."""

    called: ClassVar[str] = "an upstream"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("address", "host", "port", "url"),
        "leave it out: a route leads to its own service; what is no service of a host in this "
        "stack, such as a NAS or a router, cannot have a name here",
    )

    scheme: Literal["http", "https"] = "http"
    host_header: Annotated[Str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]+$")] | None = None
    """Host header for the app, where it insists on one of its own."""
    verify: bool = True
    """Verify the app's certificate, with scheme https."""


class Origin(Model):
    """How the tunnel talks to what a route's `tunnel_service` names."""

    server_name: Domain | None = None
    """Name that its certificate must be for; the name that is dialled when empty."""
    ca_file: AbsolutePath | None = None
    """Authority that signed its certificate, where no public one did: a PEM file on the tunnel's
    host that anyone there may read."""
    unverified: Reason | None = None
    """Why its certificate is not verified."""
    connect_timeout: Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|m)$")] | None = None
    """How long it may take to answer: `30s`, which is the default."""


Size = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(KB|MB|GB)$")]


Sources = Literal["any", "internal", "lan", "tailnet"]
"""From where a route may be asked: any, lan, tailnet, or internal (both of them)."""


def exact_name(value: object) -> object:
    """A name without wildcards, with a word on what to do instead."""
    if isinstance(value, str) and "*" in value:
        raise ValueError(
            "a route has one exact name, for cloudflared takes a * only as a whole first label; "
            "write one route for each name"
        )
    return value


class RouteConfig(Model):
    """One name people type, and what stands behind it. Empty fields follow from the service."""

    name: Annotated[Name, BeforeValidator(exact_name)] | None = None
    """First label of the host name."""
    port: Name | None = None
    """Which of the service's ports answers; its web port when empty."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    exempt: list[ExemptPath] | None = None
    """Paths that the forward-auth gate leaves open, a trailing `*` for all below."""
    groups: list[Name] | None = None
    """Groups that may pass the sign-in; everybody who can sign in when empty."""
    policy: Literal["one_factor", "two_factor"] | None = None
    """Strength of the sign-in at our identity provider."""
    access: bool = True
    """Cloudflare Access in front of a tunnelled name; false needs `public`."""
    public: Reason | None = None
    """Why anyone on the internet may reach this without Access."""
    access_groups: list[Name] = Field(default_factory=list)
    """Groups of cloudflare.access that may pass Access; owner and members when empty."""
    service_tokens: list[Name] = Field(default_factory=list)
    """Service tokens of cloudflare.access that may pass Access, beside the people."""
    tunnel_service: TunnelTarget | None = None
    """What the tunnel dials, from the host that it ends on, in place of the proxy or the app:
    `ssh://192.168.1.10:22`. What is not HTTP has no name at home, no tile and no probe: only the
    tunnel knows it."""
    origin: Origin = Origin()
    upstream: Upstream = Upstream()
    upload: Size | None = None
    """Largest body of a request: `525MB`. What the service is known to need when empty, and no
    limit where nothing is known."""
    tailnet_direct: bool = False
    """Devices of the tailnet may also ask the app itself, at its host's tailnet address and port:
    for apps whose clients pass no gate in front of it."""
    lan_direct: bool = False
    """As `tailnet_direct`, for devices at home as well, at the host's LAN address."""
    sources: Sources = "any"
    """Networks that it answers to; 403 for all others. A tunnel has no place in any of them."""
