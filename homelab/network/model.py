"""The network part of the plan: ports, DNS and firewall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from homelab.config.network import Protocol, Scope
from homelab.grouping import grouped

TAILNET_NETWORK = "100.64.0.0/10"
"""The IPv4 range of every tailnet."""
TAILNET_NETWORK_6 = "fd7a:115c:a1e0::/48"
"""The IPv6 range of every tailnet."""


RESOLVERS = {"adguardhome": "adguard", "blocky": "blocky"}
"""Services that can be the resolver, and their names in `network.dns.server`."""
OTHER_RESOLVERS = (
    *("services.bind.enable", "services.dnsmasq.enable", "services.resolved.enable"),
    *("services.unbound.enable", "services.kresd.enable", "services.coredns.enable"),
)
"""Options that start another resolver."""
NAME_TABLES = (
    "services.blocky.settings.customDNS",
    "services.adguardhome.settings.filtering.rewrites",
)
"""Options with a resolver's own names."""
DNS_PORT = 53
MDNS_PORT = 5353
"""The port of multicast DNS."""
LOOPBACK = "127.0.0.1"
TAILNET = "tailscale0"
"""The tailnet interface on every host."""
LOOPBACK_HTTP_PORT = 8180
"""The port where the proxy listens for the tunnel: plain HTTP on 127.0.0.1 of the entry host."""


def resolver_entry(server: str) -> str:
    """The service that a value of `network.dns.server` selects; empty for none."""
    return next((s for s, word in RESOLVERS.items() if word == server), "")


@dataclass(frozen=True)
class PortUse:
    """A port of a host, and the service that uses it."""

    host: str
    port: int
    protocol: Protocol
    owner: str
    label: str
    scope: Scope
    source: str
    why: str = ""
    peers: tuple[str, ...] = ()
    """LAN addresses of the hosts that call it over the LAN; set if it is not open to the whole LAN.
    """
    internet: bool = False
    """Whether every address reaches it: SSH of a host with a public address."""

    @property
    def open_to(self) -> str:
        """Its scope, or the internet."""
        return "internet" if self.internet else self.scope


@dataclass(frozen=True)
class DnsPlan:
    """What the home resolver answers without asking an upstream."""

    host: str
    """The resolver's host; empty if the homelab runs none, and `names` is then empty too."""
    names: tuple[tuple[str, str], ...]
    """(name, IPv4 address)."""
    upstreams: tuple[str, ...]
    bootstrap: tuple[str, ...]
    blocklists: tuple[str, ...]
    ttl: str
    query_log: bool | None = None


@dataclass(frozen=True)
class FirewallPlan:
    """Open ports per host and interface, each with its reason."""

    ports: tuple[PortUse, ...] = field(default=())

    def on(self, host: str) -> tuple[PortUse, ...]:
        """The ports that a host opens."""
        return self._on.get(host, ())

    @cached_property
    def _on(self) -> Mapping[str, tuple[PortUse, ...]]:
        return grouped((p for p in self.ports if p.scope != "loopback"), lambda p: p.host)
