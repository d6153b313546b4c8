"""`homelab:network`: the LAN, the reverse proxy, DNS, and port bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from homelab.config.base import Address, Kind, Model, Name, Network, Port, Str
from homelab.config.certificates import Issuer
from homelab.config.proxy import CaddyPlugin, RateLimit
from homelab.config.types import BlockList, FileHash
from homelab.config.upstream import Upstream


class Lan(Kind):
    """The home network."""

    called: ClassVar[str] = "the LAN"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("cidr6", "gateway6", "prefix6", "ipv6"),
        "leave it out: hosts, names and the firewall use IPv4 on the LAN; no port is open to IPv6 "
        "there",
    )

    cidr: Network
    """Network in CIDR form, its first address: `192.168.1.0/24`."""
    gateway: Address
    """The router."""


# `homelab/proxy/registry.py` has the backend of each.
ProxyName = Literal["caddy", "nginx", "traefik"]


class Entry(Model):
    """The reverse proxy and its host."""

    host: Name
    """Host that runs the reverse proxy."""
    proxy: ProxyName = "caddy"
    """The reverse proxy. All three support the same features; choose the one that you know."""
    acme: Issuer | None = None
    """How internal names get certificates. Default: Let's Encrypt, with DNS-01 challenges in the
    zone of `homelab:cloudflare`."""
    tls_min: Literal["1.2", "1.3"] = "1.2"
    """Oldest TLS version that clients may use."""
    local_http: Name | None = None
    """Service that plain HTTP shows at `<host>.local` and at the entry host's addresses, for
    devices that do not use the home resolver: the dashboard. No sign-in is required there."""
    hsts: bool = True
    """Send HSTS: browsers use only HTTPS for these names for half a year."""
    rate_limit: RateLimit | None = None
    """Limit of requests per client address. Default: no limit."""
    plugins: list[CaddyPlugin] = Field(default_factory=list)
    """Caddy modules to build in, for directives of your own. Certificates need none."""
    plugin_hashes: dict[Name, FileHash] = Field(default_factory=dict)
    """Hash of Caddy's sources with all plugins, by nixpkgs pin of the entry host."""
    variables: Literal["env_file", "exec_wrapper"] = "env_file"
    """How Caddy gets the `secrets` of `services.caddy` that have `env`. env_file: systemd reads an
    environment file; exec_wrapper: systemd passes each value as a credential, and a wrapper around
    Caddy's program sets the variable. An environment file gives quotes and backslashes a meaning of
    their own; with the wrapper the value stays as it is."""

    @model_validator(mode="after")
    def _plugins(self) -> Entry:
        if self.plugins and self.proxy != "caddy":
            raise ValueError(f"plugins are for Caddy, not {self.proxy}; drop them, or proxy: caddy")
        if self.plugin_hashes and not self.plugins:
            raise ValueError("there are plugin_hashes, but no plugins; drop plugin_hashes")
        if self.variables == "exec_wrapper" and self.proxy != "caddy":
            raise ValueError(
                f"{self.proxy} has no wrapper; leave variables out: {self.proxy} reads its secrets "
                "from an environment file"
            )
        return self


class Dns(Kind):
    """The resolver of the LAN and the tailnet."""

    called: ClassVar[str] = "the resolver"
    lacks: ClassVar[Mapping[str, str]] = {
        "hosts": "name one as host: while it is down, the hosts of the stack use bootstrap, "
        "and other devices have no resolver"
    }

    host: Name | None = None
    """Host that runs the resolver."""
    server: Literal["blocky", "adguard", "elsewhere", "none"] = "blocky"
    """The resolver: blocky; adguard (AdGuard Home), which has a web interface; elsewhere, if your
    router or another resolver answers for the internal names with the entry host's LAN address; or
    none, if public names and `<host>.local` are enough."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)] = Field(
        default_factory=lambda: [
            "https://one.one.one.one/dns-query",
            "https://dns.quad9.net/dns-query",
        ]
    )
    """Upstream resolvers for all other names: `https://dns.quad9.net/dns-query`,
    `tls://dns.quad9.net`, or an address, which is asked without encryption."""
    bootstrap: list[Address] = Field(
        default_factory=lambda: [Address("1.1.1.1"), Address("9.9.9.9")]
    )
    """Addresses of resolvers that resolve the names of the upstreams. Without them the resolver
    cannot start."""
    blocklists: list[BlockList] = Field(
        default_factory=lambda: [
            "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
        ]
    )
    """Lists of host names that are blocked (answered with 0.0.0.0)."""
    names: dict[Name, Address] = Field(default_factory=dict)
    """Further internal names and their addresses, for devices that clients connect to directly,
    without the reverse proxy: `{printer: 192.168.1.7}`."""
    ttl: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[smh]$")] = "1h"
    """TTL of internal names."""

    query_log: bool | None = None
    """Log each query with its client: to the journal (Blocky), or for the web interface (AdGuard
    Home). Default: no log in Blocky, and the log of the web interface in AdGuard Home."""

    @model_validator(mode="after")
    def _placed(self) -> Dns:
        if (self.host is None) != (self.server in ("elsewhere", "none")):
            raise ValueError(
                "a resolver needs a host; write both host and server, or server: none or "
                "elsewhere alone"
            )
        if self.names and self.host is None:
            raise ValueError("without a resolver nothing answers for names; leave names out")
        return self


class PortBands(Model):
    """Port ranges, both ends included."""

    infrastructure: Annotated[list[Port], Field(min_length=2, max_length=2)]
    services: Annotated[list[Port], Field(min_length=2, max_length=2)]


class Ports(Model):
    """How web ports are assigned."""

    policy: Literal["default", "banded"] = "default"
    """default: the usual port of the service; banded: the next free port of its band."""
    bands: PortBands = PortBands(infrastructure=[10000, 19999], services=[20000, 29999])


class NetworkConfig(Model):
    """`homelab:network`."""

    lan: Lan
    entry: Entry
    dns: Dns
    ports: Ports = Ports()


Protocol = Literal["tcp", "udp"]


OpenTo = Literal["loopback", "tailnet", "lan", "link"]
"""Scopes that a stack config can set for a port; see `Scope`."""


Scope = Literal["loopback", "hosts", "tailnet", "lan", "link"]
"""From where a port can be reached: loopback, hosts (only the hosts that call it over the LAN),
tailnet (the tailnet interface), lan (LAN and tailnet), link (only the LAN interface, for traffic
that is not routed, such as multicast)."""
