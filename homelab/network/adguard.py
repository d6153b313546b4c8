"""The resolver plan as settings of AdGuard Home.

Settings are declarative: a change made in its web interface is lost at the next restart.
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
    """AdGuard Home on the host of `network.dns.host`, which itself uses the bootstrap resolvers."""
    if host.name != plan.dns.host or plan.stack.network.dns.server != "adguard":
        return
    page = next((s for s in plan.on(host.name) if s.name == SERVICE), None)
    options: dict[str, Nix] = {
        "enable": True,
        "mutableSettings": False,
        # No schema_version: the module uses the version of the package, so nothing is migrated.
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
                "AdGuard Home does not start when an address is not configured yet;\n"
                "the firewall limits who can connect.",
                ["0.0.0.0"],  # noqa: S104 - written into a file, and bounded by the firewall
            ),
            "bootstrap_dns": list(dns.bootstrap),
            "hostsfile_enabled": Comment(
                "/etc/hosts maps this host's name to a loopback address.", False
            ),
            "port": 53,
            "ratelimit": Comment(
                "The limit applies to a whole subnet, so to the LAN as one client.", 0
            ),
            "upstream_dns": list(dns.upstreams),
            "upstream_mode": "parallel",
            "use_private_ptr_resolvers": False,
        },
        "filtering": {
            "blocked_response_ttl": Comment(
                "Also the TTL of the rewrites below.", seconds(dns.ttl)
            ),
            "blocking_mode": "null_ip",
            "filtering_enabled": True,
            "filters_update_interval": 24,
            "protection_enabled": True,
            "rewrites": Comment(
                "`enabled` has no default here; a rewrite without it is ignored.",
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
            "file_enabled": Comment("Saves writes to the flash disk.", False),
        }
    return settings
