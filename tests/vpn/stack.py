"""A household with a VPN: one member on the host, one more that may reach the LAN."""

from __future__ import annotations

from homelab.nix import Lines
from homelab.plan import Plan
from homelab.render import modules_of
from tests import build

Changes = dict[str, object]

VPN: Changes = {
    "host": "nas",
    "address": ["10.2.0.2/32", "fd00:2::2/128"],
    "dns": ["10.2.0.1"],
    "endpoint": "203.0.113.7:51820",
    "public_key": "A" * 43 + "=",
    "key": {"sops": "vpn/privado"},
    "mtu": 1380,
}


def stack(vpn: Changes | None = None, *, name: str = "privado", **services: object) -> Changes:
    """Services by name: the VPN that each uses, or `{"vpn": …, …}` for more; on the VPN's host."""
    told: Changes = {}
    for service, use in services.items():
        more = use if isinstance(use, dict) and "vpn" in use else {"vpn": use}
        told[service] = {"host": "nas", **more}
    return {**build.TAILNET, "vpn": {name: {**VPN, **(vpn or {})}}, "services": told}


MEMBERS = stack(jellyfin="privado", navidrome={"name": "privado", "lan": True})
NAMESPACE: Changes = {"name": "privado", "mode": "namespace"}


def gids(plan: Plan) -> dict[str, int]:
    return {m.service: m.ids.gid for v in plan.vpn.vpns for m in v.members if m.ids}


def table(plan: Plan, name: str, host: str = "nas") -> str:
    """The content of a table of the packet filter, as it is rendered."""
    for module in modules_of(plan, plan.hosts[host]):
        try:
            content = module.stated["networking"]["nftables"]["tables"][name]["content"]  # type: ignore[index,call-overload]
        except KeyError:
            continue
        assert isinstance(content, Lines)
        return content.text
    raise AssertionError(f"no module has a table {name}")


def plan(changes: Changes) -> Plan:
    return build.plan(changes)
