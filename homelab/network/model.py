"""Network: what the stack config says of it, and what the plan knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from homelab.model import (
    AbsolutePath,
    Address,
    Audience,
    Auth,
    Domain,
    Model,
    Name,
    Network,
    Port,
    Publish,
    Reason,
    Str,
    grouped,
)
from homelab.network.entry import CaddyPlugin, PluginHash, RateLimit


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
    proxy: Literal["caddy", "nginx", "traefik"] = "caddy"
    """Which reverse proxy. All three do the same; they differ in what you like to read."""
    tls_min: Literal["1.2", "1.3"] = "1.2"
    """Oldest TLS that visitors may speak."""
    local_http: Name | None = None
    """Service that plain HTTP shows at `<host>.local` and the entry host's addresses, for devices
    that know no other name: the dashboard. Nobody is asked for a sign-in there."""
    hsts: bool = True
    """Browsers remember for half a year to use HTTPS alone for these names."""
    rate_limit: RateLimit | None = None
    """How fast one visitor may ask; as fast as they like when empty."""
    plugins: list[CaddyPlugin] = Field(default_factory=list)
    """Modules to build into Caddy, for directives of your own; certificates need none."""
    plugin_hashes: dict[Name, PluginHash] = Field(default_factory=dict)
    """Hash of Caddy's sources with all plugins, by the nixpkgs pin of the entry host."""

    @model_validator(mode="after")
    def _plugins(self) -> Entry:
        if self.plugins and self.proxy != "caddy":
            raise ValueError(f"plugins are for Caddy, not {self.proxy}; drop them, or proxy: caddy")
        if self.plugin_hashes and not self.plugins:
            raise ValueError("plugin_hashes belong to plugins, and there are none; drop them")
        return self


class Dns(Model):
    """The resolver of the LAN and the tailnet."""

    host: Name | None = None
    """Host of the resolver."""
    server: Literal["blocky", "adguard", "none"] = "blocky"
    """Which resolver: blocky; adguard (AdGuard Home), for those who want to look and click; or
    none, where public names and `<host>.local` are enough."""
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
    ttl: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[smh]$")] = "1h"
    """How long a home name may be remembered."""

    @model_validator(mode="after")
    def _placed(self) -> Dns:
        if (self.host is None) != (self.server == "none"):
            raise ValueError("a resolver runs on a host; name both, or write server: none alone")
        return self


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
TAILNET_NETWORK = "100.64.0.0/10"
"""Where every address of every tailnet lies."""
TAILNET_NETWORK_6 = "fd7a:115c:a1e0::/48"
"""The same of IPv6, by which devices may come as well."""


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
    access_groups: list[Name] = Field(default_factory=list)
    """Groups of cloudflare.access that may pass Access; owner and members when empty."""
    service_tokens: list[Name] = Field(default_factory=list)
    """Service tokens of cloudflare.access that may pass Access, beside the people."""
    tunnel_service: Str | None = None
    """What the tunnel dials in place of the proxy or the app: `ssh://localhost:22`. What is not
    HTTP has no name at home, no tile and no probe: only the tunnel knows it."""
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


RESOLVERS = {"adguardhome": "adguard", "blocky": "blocky"}
"""Services that can be the resolver, and what `network.dns.server` calls them."""
DNS_PORT = 53
MDNS_PORT = 5353
"""Where multicast DNS is asked and answered."""
LOOPBACK = "127.0.0.1"
TAILNET = "tailscale0"
"""Interface of the tailnet on every host."""
LOOPBACK_HTTP_PORT = 8180
"""Where the proxy listens for the tunnel: plain HTTP on 127.0.0.1 of the entry host."""

Protocol = Literal["tcp", "udp"]
Scope = Literal["loopback", "tailnet", "lan", "link"]
"""How far a port is open: loopback, tailnet (the tailnet interface), lan (LAN and tailnet), link
(the LAN's interface alone, for what no router passes on)."""


def is_web(tunnel_service: str) -> bool:
    """Whether what the tunnel dials speaks HTTP; empty stands for the proxy or the app."""
    return tunnel_service.partition(":")[0] in ("", "http", "https", "unix")


def resolver_entry(server: str) -> str:
    """The service behind a word of `network.dns.server`; empty for none."""
    return next((s for s, word in RESOLVERS.items() if word == server), "")


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
    """Host name on the LAN and the tailnet; empty for what is not HTTP."""
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
    def upstream(self) -> str:
        """The app, as the proxy dials it."""
        return f"{self.scheme}://{self.address}:{self.port}"

    @property
    def is_direct(self) -> bool:
        """Whether devices may also ask the app itself, past the proxy."""
        return self.tailnet_direct or self.lan_direct

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name that the proxy answers for this route."""
        return tuple(dict.fromkeys(n for n in (self.internal, self.public) if n))


@dataclass(frozen=True)
class DnsPlan:
    """What the home resolver answers by itself."""

    host: str
    """Empty for no resolver of ours, and then there are no names either."""
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
        return self._on.get(host, ())

    @cached_property
    def _on(self) -> Mapping[str, tuple[PortUse, ...]]:
        return grouped((p for p in self.ports if p.scope != "loopback"), lambda p: p.host)
