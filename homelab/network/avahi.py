"""`<host>.local` on the LAN, by multicast DNS."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Comment, Module, attrs
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Avahi on the LAN interface of every host with `mdns: true`."""
    interface = host.config.interface
    if not host.config.mdns or interface is None:
        return
    yield Module(
        "mdns.nix",
        f"Multicast DNS: {host.name}.local",
        derived=attrs(
            "services.avahi",
            {
                "enable": True,
                "allowInterfaces": [interface],
                "nssmdns4": True,
                "openFirewall": Comment("firewall.nix opens it on that interface only.", False),
                "publish": {"enable": True, "addresses": True},
            },
        ),
    )
