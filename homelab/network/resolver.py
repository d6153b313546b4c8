"""The name servers of each host, whichever program is the resolver."""

from __future__ import annotations

from homelab.network.model import DnsPlan
from homelab.nix import Attrs, Comment, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def own_names(dns: DnsPlan) -> Attrs:
    """The name servers of the resolver's own host: the bootstrap addresses, so that it can resolve
    names while its resolver is down.
    """
    own: list[Nix] = list(dns.bootstrap)
    return merge(
        attrs(
            "networking.nameservers",
            Comment("This host must resolve names while its own resolver is down.", own),
        ),
        attrs("services.resolved.enable", False),
    )


def servers(plan: Plan, host: Host) -> tuple[str, ...]:
    """The name servers of a host: the home resolver, and the bootstrap addresses as a fallback.
    Empty for the resolver's own host, and if the host cannot reach the resolver.
    """
    resolver = plan.hosts.get(plan.dns.host)
    if resolver is None or resolver is host:
        return ()
    first = resolver.lan if host.lan and resolver.lan else resolver.tailnet
    return (first, *plan.dns.bootstrap) if first else ()


def asks_the_tailnet(plan: Plan, host: Host) -> bool:
    """Whether a host accepts the tailnet's DNS settings. A server with name servers of its own does
    not: the tailnet has a single resolver, and no name resolves while that is down.
    """
    settings = host.config.tailscale
    if host.name == plan.dns.host:
        # It cannot be its own upstream.
        return False
    if settings is not None and settings.accept_dns is not None:
        return settings.accept_dns
    return not servers(plan, host)


def names_of(plan: Plan, host: Host) -> Attrs:
    """Options for a host with name servers of its own."""
    listed: list[Nix] = [*servers(plan, host)]
    if not listed:
        return {}
    return merge(
        attrs(
            "networking.nameservers",
            Comment("The home resolver first; the others are used while it is down.", listed),
        ),
        attrs("networking.resolvconf.extraOptions", ["timeout:2"]),
    )


_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """A duration such as `1h` as a number of seconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
