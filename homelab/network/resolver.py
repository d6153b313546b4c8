"""What every resolver's host needs, whichever program answers there."""

from __future__ import annotations

from homelab.network.model import DnsPlan
from homelab.nix import Attrs, Comment, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def own_names(dns: DnsPlan) -> Attrs:
    """A resolver's host never asks itself: it must find names while its resolver is down."""
    own: list[Nix] = list(dns.bootstrap)
    return merge(
        attrs(
            "networking.nameservers",
            Comment("This host must find names while its own resolver is down.", own),
        ),
        attrs("services.resolved.enable", False),
    )


def servers(plan: Plan, host: Host) -> tuple[str, ...]:
    """Whom a host asks for names: the home resolver, and others for while that is down. Empty where
    no resolver of ours is to be reached, and for its own host.
    """
    resolver = plan.hosts.get(plan.dns.host)
    if resolver is None or resolver is host:
        return ()
    first = resolver.lan if host.lan and resolver.lan else resolver.tailnet
    return (first, *plan.dns.bootstrap) if first else ()


def asks_the_tailnet(plan: Plan, host: Host) -> bool:
    """Whether a host takes the tailnet's resolver in place of its own: a server does not, for that
    is one resolver alone, and while it is down there would be no name at all.
    """
    settings = host.config.tailscale
    if host.name == plan.dns.host:
        # It cannot be its own upstream.
        return False
    if settings is not None and settings.accept_dns is not None:
        return settings.accept_dns
    return not servers(plan, host)


def names_of(plan: Plan, host: Host) -> Attrs:
    """The resolvers of a host that asks others than the tailnet's."""
    listed: list[Nix] = [*servers(plan, host)]
    if not listed:
        return {}
    return merge(
        attrs(
            "networking.nameservers",
            Comment("The home resolver; the others answer while it is down.", listed),
        ),
        attrs("networking.resolvconf.extraOptions", ["timeout:2"]),
    )


_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """A duration such as `1h` as a number of seconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
