"""The resolver plan as Blocky's settings."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.upstream import for_blocky
from homelab.network.resolver import own_names
from homelab.nix import Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Blocky on the host of `network.dns.host`, which itself uses the bootstrap resolvers."""
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
                "These names have only an A record. For any other type an upstream would answer\n"
                "NXDOMAIN, which some programs apply to the whole name. All other names go\n"
                "upstream, including SOA and TXT of the zone, so DNS-01 works.",
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
