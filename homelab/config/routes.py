"""Routes of a service: names, upstreams, sign-in, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

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
    """How the reverse proxy connects to the app."""

    called: ClassVar[str] = "an upstream"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("address", "host", "port", "url"),
        "leave it out: a route leads to its own service; for a device that is no host of this "
        "stack, such as a NAS or a router, write a service with external: {address: …, port: …}",
    )

    scheme: Literal["http", "https"] = "http"
    host_header: Annotated[Str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]+$")] | None = None
    """Host header that the app requires. Default: the name of the route."""
    verify: bool = True
    """Verify the app's certificate, with scheme https."""


class Origin(Model):
    """How the tunnel connects to the address in `tunnel_service`."""

    server_name: Domain | None = None
    """Name that its certificate must be valid for. Default: the name in `tunnel_service`."""
    ca_file: AbsolutePath | None = None
    """Private certificate authority of its certificate: a PEM file on the tunnel's host that every
    user there may read."""
    unverified: Reason | None = None
    """Reason why its certificate is not verified."""
    connect_timeout: Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|m)$")] | None = None
    """Timeout of a connection. Default: `30s`."""


Size = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(KB|MB|GB)$")]


Sources = Literal["any", "internal", "lan", "tailnet"]
"""Networks that a route answers to: any, lan, tailnet, or internal (lan and tailnet)."""


def exact_name(value: object) -> object:
    """The value itself. Raises ValueError for a name with a wildcard."""
    if isinstance(value, str) and "*" in value:
        raise ValueError(
            "a route has one exact name, because cloudflared accepts * only as a whole first "
            "label; write one route for each name"
        )
    return value


def is_web(tunnel_service: str) -> bool:
    """Whether the tunnel's target speaks HTTP; empty means the proxy or the app."""
    return tunnel_service.partition(":")[0] in ("", "http", "https", "unix")


class RouteConfig(Model):
    """One host name of a service. Fields that are empty follow from the service."""

    name: Annotated[Name, BeforeValidator(exact_name)] | None = None
    """First label of the host name."""
    redirect_from: list[Annotated[Name, BeforeValidator(exact_name)]] = Field(default_factory=list)
    """Further names that only lead to this one, with the path of the request, wherever it is
    served: `[www, gallery]`."""
    main: bool = False
    """Make this the main route of its service: `{url}` in options is its URL, and its tile has the
    title of the service. Default: the first route that is HTTP."""
    port: Name | None = None
    """Label of the service's port that answers. Default: its web port."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    exempt: list[ExemptPath] | None = None
    """Paths that need no sign-in at the auth proxy: `/api`, or `/api/*` with everything below."""
    groups: list[Name] | None = None
    """Groups that may use the route after signing in. Default: everybody who can sign in."""
    policy: Literal["one_factor", "two_factor"] | None = None
    """Strength of the sign-in at the identity provider."""
    access: bool = True
    """Put Cloudflare Access in front of a name that the tunnel publishes; false needs `public`."""
    public: Reason | None = None
    """Reason why anyone on the internet may reach the route without Access."""
    access_groups: list[Name] = Field(default_factory=list)
    """Groups of `cloudflare.access` that Access lets in. Default: the owner and the members."""
    service_tokens: list[Name] = Field(default_factory=list)
    """Service tokens of `cloudflare.access` that Access accepts, besides the people."""
    tunnel_service: TunnelTarget | None = None
    """Address that cloudflared connects to from its host, instead of the reverse proxy or the app:
    `ssh://192.168.1.10:22`. A route that is not HTTP has no internal name, no tile and no probe; it
    exists only in the tunnel."""
    origin: Origin = Origin()
    upstream: Upstream = Upstream()
    upload: Size | None = None
    """Largest request body: `525MB`. Default: the limit that the catalog gives for the service,
    otherwise no limit."""
    tailnet_direct: bool = False
    """Devices of the tailnet can also connect directly to the app, at its host's tailnet address
    and port: for apps with clients that cannot sign in at an auth proxy."""
    lan_direct: bool = False
    """As `tailnet_direct`, and also for devices on the LAN, at the host's LAN address."""
    sources: Sources = "any"
    """Networks that the route answers to; others get status 403. Requests through the tunnel come
    from none of them."""

    @model_validator(mode="after")
    def _redirects_are_web(self) -> RouteConfig:
        if self.redirect_from and not is_web(self.tunnel_service or ""):
            raise ValueError("only HTTP leads to another name; leave redirect_from out")
        return self

    @model_validator(mode="after")
    def _main_is_web(self) -> RouteConfig:
        if self.main and not is_web(self.tunnel_service or ""):
            raise ValueError(
                "a route that is not HTTP cannot be the main route; leave main out, and write it "
                "for a route without tunnel_service"
            )
        return self
