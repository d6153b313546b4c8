"""`homelab:network`: the LAN, the reverse proxy, DNS, port bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from homelab.config.base import Address, Kind, Model, Name, Network, Port, Str
from homelab.config.certificates import Issuer
from homelab.config.proxy import CaddyPlugin, PluginHash, RateLimit
from homelab.config.types import BlockList
from homelab.config.upstream import Upstream


class Lan(Kind):
    """The home network."""

    called: ClassVar[str] = "the LAN"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("cidr6", "gateway6", "prefix6", "ipv6"),
        "leave it out: hosts, names and the firewall speak IPv4 at home; nothing of ours is open "
        "to IPv6 there",
    )

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
    acme: Issuer | None = None
    """Who certifies the names at home; Let's Encrypt by way of `homelab:cloudflare` when empty."""
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


class Dns(Kind):
    """The resolver of the LAN and the tailnet."""

    called: ClassVar[str] = "the resolver"
    lacks: ClassVar[Mapping[str, str]] = {
        "hosts": "name one as host: hosts of ours ask others while it is down, and devices of "
        "people wait for it"
    }

    host: Name | None = None
    """Host of the resolver."""
    server: Literal["blocky", "adguard", "none"] = "blocky"
    """Which resolver: blocky; adguard (AdGuard Home), for those who want to look and click; or
    none, where public names and `<host>.local` are enough."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)] = Field(
        default_factory=lambda: [
            "https://one.one.one.one/dns-query",
            "https://dns.quad9.net/dns-query",
        ]
    )
    """Resolvers that know the rest of the internet: `https://dns.quad9.net/dns-query`,
    `tls://dns.quad9.net`, or the address of one that is asked without encryption."""
    bootstrap: list[Address] = Field(
        default_factory=lambda: [Address("1.1.1.1"), Address("9.9.9.9")]
    )
    """Addresses asked for the upstreams' own names; without them the resolver cannot start."""
    blocklists: list[BlockList] = Field(
        default_factory=lambda: [
            "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
        ]
    )
    """Host lists that are answered with 0.0.0.0."""
    ttl: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[smh]$")] = "1h"
    """How long a home name may be remembered."""

    query_log: bool | None = None
    """Who asked for what is written down: in the journal (Blocky), or for its pages (AdGuard Home).
    When empty, Blocky writes nothing, and AdGuard Home what its pages show."""

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


Protocol = Literal["tcp", "udp"]


OpenTo = Literal["loopback", "tailnet", "lan", "link"]
"""How far a port may be said to be open; see `Scope`."""


Scope = Literal["loopback", "hosts", "tailnet", "lan", "link"]
"""How far a port is open: loopback, hosts (the hosts that call it over the LAN, and nobody else
there), tailnet (the tailnet interface), lan (LAN and tailnet), link (the LAN's interface alone, for
what no router passes on)."""
