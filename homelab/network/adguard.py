"""The resolver plan as AdGuard Home's settings, which are all there is: its page changes nothing
that would outlast a restart.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import DnsPlan
from homelab.network.resolver import own_names, seconds
from homelab.nix import Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

SERVICE = "adguardhome"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """AdGuard Home on the host that the stack names, and a host that does not ask itself."""
    if host.name != plan.dns.host or plan.stack.network.dns.server != "adguard":
        return
    page = next((s for s in plan.on(host.name) if s.name == SERVICE), None)
    options: dict[str, Nix] = {
        "enable": True,
        "mutableSettings": False,
        # No schema_version: the module takes the package's own, and nothing is ever migrated.
        "settings": _settings(plan.dns, flash=host.config.flash),
    }
    if page is not None:
        options |= {"host": page.bind, "port": page.port}
    yield Module(
        "dns.nix",
        "The resolver of the LAN and the tailnet",
        derived=merge(attrs("services.adguardhome", options), own_names(plan.dns)),
    )


def _settings(dns: DnsPlan, *, flash: bool) -> dict[str, Nix]:
    rewrites: list[Nix] = [
        {"answer": address, "domain": name, "enabled": True} for name, address in dns.names
    ]
    lists: list[Nix] = [
        {"enabled": True, "id": i, "name": f"list {i}", "url": url}
        for i, url in enumerate(dns.blocklists, 1)
    ]
    settings: dict[str, Nix] = {
        "dns": {
            "bind_hosts": Comment(
                "An address that is not there yet would keep it from starting;\n"
                "the firewall is the boundary.",
                ["0.0.0.0"],  # noqa: S104 - written into a file, and bounded by the firewall
            ),
            "bootstrap_dns": list(dns.bootstrap),
            "hostsfile_enabled": Comment("This host's name is a loopback address there.", False),
            "port": 53,
            "ratelimit": Comment("The whole LAN counts as one client.", 0),
            "upstream_dns": list(dns.upstreams),
            "upstream_mode": "parallel",
            "use_private_ptr_resolvers": False,
        },
        "filtering": {
            "blocked_response_ttl": Comment("Of the names below, too.", seconds(dns.ttl)),
            "blocking_mode": "null_ip",
            "filtering_enabled": True,
            "filters_update_interval": 24,
            "protection_enabled": True,
            "rewrites": Comment(
                "Each enabled by name: nothing fills that in, and without it none would answer.",
                rewrites,
            ),
            "rewrites_enabled": True,
        },
        "filters": lists,
    }
    if dns.query_log is False:
        settings["querylog"] = {"enabled": False}
    elif flash and dns.query_log is None:
        settings["querylog"] = {
            "file_enabled": Comment("The disk is flash, which wears.", False),
        }
    return settings
