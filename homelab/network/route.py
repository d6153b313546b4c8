"""Routes: a name that people type, and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from homelab.model import (
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
from homelab.words import ExemptPath, TunnelTarget


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


def is_web(tunnel_service: str) -> bool:
    """Whether what the tunnel dials speaks HTTP; empty stands for the proxy or the app."""
    return tunnel_service.partition(":")[0] in ("", "http", "https", "unix")


@dataclass(frozen=True)
class Route:
    """A name, who may reach it from where, and the app behind it."""

    name: str
    service: str
    position: int
    """Among the routes of its service, as they are said; the first is the main one."""
    host: str
    """Host of the app."""
    internal: str
    """Host name on the LAN and the tailnet; empty for what only the tunnel carries."""
    public: str
    """Host name on the internet; empty for an internal route."""
    audience: Audience
    publish: Publish
    auth: Auth
    port: int
    address: str
    """Where the proxy finds the app: 127.0.0.1 or an address of its host; empty without a way."""
    remote: bool
    scheme: str
    host_header: str
    verify: bool
    exempt: tuple[str, ...]
    groups: tuple[str, ...]
    policy: str
    access: bool
    public_reason: str
    headers: tuple[tuple[str, str], ...]
    """Identity headers that the app wants: (its name for it, what the gate calls it)."""
    believes: tuple[str, ...]
    """Headers that the app takes for an identity, whoever asks for the sign-in: no visitor may
    bring one along."""
    websocket: bool
    upload: str
    """Largest body of a request, as `525MB`; empty for no limit."""
    source: str
    sources: str = "any"
    tailnet_direct: bool = False
    lan_direct: bool = False
    tunnel: Literal["", "proxy", "app"] = ""
    """What the tunnel dials for it: nothing, the proxy, or past it the app itself."""
    tunnel_service: str = ""
    """What it dials in place of either; empty for no such thing."""
    origin: Origin = field(default_factory=Origin)
    access_groups: tuple[str, ...] = ()
    service_tokens: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        """Whether it speaks HTTP: anything else the tunnel alone can carry."""
        return is_web(self.tunnel_service)

    @property
    def url(self) -> str:
        """The address to type. A browser speaks SSH at the edge; other clients need a helper."""
        scheme = self.tunnel_service.partition(":")[0]
        if not self.is_web and scheme != "ssh":
            return f"{scheme}://{self.public}"
        return f"https://{self.internal if self.publish == 'internal' else self.public}"

    @property
    def title(self) -> str:
        """What to call it in a message: the name at home, if it has one."""
        return self.internal or self.public or self.name

    @property
    def is_asked_in_tunnel(self) -> bool:
        """Whether our own sign-in asks whoever the tunnel brings, before they reach the app."""
        return self.auth == "forward" and self.tunnel == "proxy"

    @property
    def upstream(self) -> str:
        """The app, as the proxy dials it."""
        return f"{self.scheme}://{self.address}:{self.port}"

    @property
    def is_direct(self) -> bool:
        """Whether devices may also ask the app itself, past the proxy."""
        return self.tailnet_direct or self.lan_direct

    def at(self, field: str) -> str:
        """Where the stack config says this of it. Sections other than services have no such field,
        and stand for all that follows from them.
        """
        return f"{self.source}.{field}" if self.source.startswith("services.") else self.source

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name that the proxy answers for this route."""
        return tuple(dict.fromkeys(n for n in (self.internal, self.public) if n))
