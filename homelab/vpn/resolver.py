"""The resolvers of confined units: those of the VPN, in both modes."""

from __future__ import annotations

from homelab.nix import Nix
from homelab.vpn.model import Vpn

HELPERS = ("-/run/nscd", "-/run/systemd/resolve/io.systemd.Resolve")
"""Programs of the host that look names up for others, outside of every VPN."""


def resolv_conf(vpn: Vpn) -> str:
    """The resolvers, as the C library reads them."""
    return "".join(f"nameserver {a}\n" for a in vpn.dns)


def service_config(path: str) -> dict[str, Nix]:
    """A unit that sees this file, below /etc, as its `resolv.conf`, and none of the helpers."""
    return {
        "BindReadOnlyPaths": [f"/etc/{path}:/etc/resolv.conf"],
        "InaccessiblePaths": list(HELPERS),
    }
