"""Network: what the stack config says of it, and what the plan knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from homelab.config.network import Protocol, Scope
from homelab.grouping import grouped

TAILNET_NETWORK = "100.64.0.0/10"
"""Where every address of every tailnet lies."""
TAILNET_NETWORK_6 = "fd7a:115c:a1e0::/48"
"""The same of IPv6, by which devices may come as well."""


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
    peers: tuple[str, ...] = ()
    """LAN addresses of the hosts that call it over the LAN, where that is not open to all of it."""


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
    query_log: bool | None = None


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
