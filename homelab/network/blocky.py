"""The resolver plan as Blocky's settings."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.upstream import for_blocky
from homelab.network.resolver import own_names
from homelab.nix import Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Blocky on the host that the stack names, and a host that does not ask itself."""
    dns = plan.dns
    if host.name != dns.host or plan.stack.network.dns.server != "blocky":
        return
    bootstrap: list[Nix] = [{"upstream": f"tcp+udp:{a}"} for a in dns.bootstrap]
    settings: dict[str, Nix] = {
        "bootstrapDns": bootstrap,
        "caching": {"prefetching": True},
        "customDNS": {
            "customTTL": dns.ttl,
            "filterUnmappedTypes": Comment(
                "These names have an A record only. Asked elsewhere for another type they would\n"
                "not exist at all, and some programs believe that of the whole name. Every other\n"
                "name is asked upstream, SOA and TXT of the zone included: DNS-01 finds it.",
                True,
            ),
            "mapping": dict(dns.names),
        },
        "ports": {"dns": 53},
        "queryLog": {"type": "console" if dns.query_log else "none"},
        "upstreams": {
            "groups": {"default": [for_blocky(u) for u in dns.upstreams]},
            "init": {"strategy": "fast"},
            "strategy": "parallel_best",
        },
    }
    if dns.blocklists:
        settings["blocking"] = {
            "clientGroupsBlock": {"default": ["ads"]},
            "denylists": {"ads": list(dns.blocklists)},
            "loading": {"refreshPeriod": "24h", "strategy": "fast"},
        }
    yield Module(
        "dns.nix",
        "The resolver of the LAN and the tailnet",
        derived=merge(
            attrs("services.blocky", {"enable": True, "settings": settings}),
            own_names(dns),
        ),
    )
