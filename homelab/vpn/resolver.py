"""The resolvers of confined units: those of the VPN, in both modes."""

from __future__ import annotations

from homelab.nix import Nix
from homelab.vpn.model import Vpn

HELPERS = ("-/run/nscd", "-/run/systemd/resolve/io.systemd.Resolve")
"""Sockets of the host's resolvers, which would resolve names outside the VPN."""


def resolv_conf(vpn: Vpn) -> str:
    """Text of `resolv.conf`."""
    return "".join(f"nameserver {a}\n" for a in vpn.dns)


def service_config(path: str) -> dict[str, Nix]:
    """`serviceConfig` with this file (below /etc) as `resolv.conf`, without host resolvers."""
    return {
        "BindReadOnlyPaths": [f"/etc/{path}:/etc/resolv.conf"],
        "InaccessiblePaths": list(HELPERS),
    }
