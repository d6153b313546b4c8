"""Network: what the stack config says of it, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from homelab.model import (
    AbsolutePath,
    Address,
    Audience,
    Auth,
    Model,
    Name,
    Network,
    Port,
    Publish,
    Reason,
    Str,
)


class Lan(Model):
    """The home network."""

    cidr: Network
    """Network in CIDR form, its first address: `192.168.1.0/24`."""
    gateway: Address
    """The router."""


class Entry(Model):
    """Where requests come in."""

    host: Name
    """Host of the reverse proxy."""
    proxy: Literal["caddy"] = "caddy"
    """Which reverse proxy."""


class Dns(Model):
    """The resolver of the LAN and the tailnet."""

    host: Name
    """Host of the resolver."""
    server: Literal["blocky"] = "blocky"
    """Which resolver."""
    upstreams: Annotated[list[Str], Field(min_length=1)] = Field(
        default_factory=lambda: [
            "https://one.one.one.one/dns-query",
            "https://dns.quad9.net/dns-query",
        ]
    )
    """Resolvers that know the rest of the internet."""
    bootstrap: list[Address] = Field(
        default_factory=lambda: [Address("1.1.1.1"), Address("9.9.9.9")]
    )
    """Addresses asked for the upstreams' own names; without them the resolver cannot start."""
    blocklists: list[Str] = Field(
        default_factory=lambda: [
            "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
        ]
    )
    """Host lists that are answered with 0.0.0.0."""
    ttl: Str = "1h"
    """How long a home name may be remembered."""


class PortBands(Model):
    """Ranges that ports are given from, both ends included."""

    infrastructure: Annotated[list[Port], Field(min_length=2, max_length=2)]
    services: Annotated[list[Port], Field(min_length=2, max_length=2)]


class Ports(Model):
    """How web ports are chosen."""

    policy: Literal["default", "banded"] = "default"
    """default: the port that the service's users know; banded: the next free one of its band."""
    bands: PortBands = PortBands(infrastructure=[10000, 19999], services=[20000, 29999])


class NetworkConfig(Model):
    """`homelab:network`."""

    lan: Lan
    entry: Entry
    dns: Dns
    ports: Ports = Ports()


class Upstream(Model):
    """How the proxy talks to the app."""

    scheme: Literal["http", "https"] = "http"
    host_header: Str | None = None
    """Host header for the app, where it insists on one of its own."""
    verify: bool = True
    """Verify the app's certificate, with scheme https."""


class RouteConfig(Model):
    """One name people type, and what stands behind it. Empty fields follow from the service."""

    name: Name | None = None
    """First label of the host name."""
    port: Name | None = None
    """Which of the service's ports answers; its web port when empty."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    exempt: list[AbsolutePath] | None = None
    """Paths that the forward-auth gate leaves open, a trailing `*` for all below."""
    groups: list[Name] | None = None
    """Groups that may pass the sign-in; everybody who can sign in when empty."""
    policy: Literal["one_factor", "two_factor"] | None = None
    """Strength of the sign-in at our identity provider."""
    access: bool = True
    """Cloudflare Access in front of a tunnelled name; false needs `public`."""
    public: Reason | None = None
    """Why anyone on the internet may reach this without Access."""
    upstream: Upstream = Upstream()


LOOPBACK_HTTP_PORT = 8180
"""Where the proxy listens for the tunnel: plain HTTP on 127.0.0.1 of the entry host."""

Protocol = Literal["tcp", "udp"]
Scope = Literal["loopback", "tailnet", "lan"]
"""How far a port is open: loopback, tailnet (the tailnet interface), lan (LAN and tailnet)."""


@dataclass(frozen=True)
class PortUse:
    """One port taken on one host, and by whom."""

    host: str
    port: int
    protocol: Protocol
    owner: str
    label: str
    scope: Scope
    source: str
    why: str = ""


@dataclass(frozen=True)
class Route:
    """A name, who may reach it from where, and the app behind it."""

    name: str
    service: str
    host: str
    """Host of the app."""
    internal: str
    """Host name on the LAN and the tailnet."""
    public: str
    """Host name on the internet; empty for an internal route."""
    audience: Audience
    publish: Publish
    auth: Auth
    port: int
    address: str
    """Where the proxy finds the app: 127.0.0.1 or the tailnet address of its host."""
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
    websocket: bool
    upload: str
    source: str

    @property
    def url(self) -> str:
        """The address to type."""
        return f"https://{self.internal if self.publish == 'internal' else self.public}"

    @property
    def upstream(self) -> str:
        """The app, as the proxy dials it."""
        return f"{self.scheme}://{self.address}:{self.port}"

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name that the proxy answers for this route."""
        return (self.internal, self.public) if self.public else (self.internal,)


@dataclass(frozen=True)
class DnsPlan:
    """What the home resolver answers by itself."""

    host: str
    names: tuple[tuple[str, str], ...]
    """(name, IPv4 address)."""
    upstreams: tuple[str, ...]
    bootstrap: tuple[str, ...]
    blocklists: tuple[str, ...]
    ttl: str


@dataclass(frozen=True)
class FirewallPlan:
    """Open ports per host and interface, each with its reason."""

    ports: tuple[PortUse, ...] = field(default=())

    def on(self, host: str) -> tuple[PortUse, ...]:
        """What this host opens."""
        return tuple(p for p in self.ports if p.host == host and p.scope != "loopback")
