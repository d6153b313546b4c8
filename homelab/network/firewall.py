"""The firewall plan as nftables rules: closed, but for what a route or a role asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.network.model import TAILNET, PortUse
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Ports by interface and by source network; nothing is open to the world."""
    if not host.is_nixos:
        return
    ports = plan.firewall.on(host.name)
    lan = [p for p in ports if p.scope == "lan"]
    rules = [
        line
        for protocol in ("tcp", "udp")
        for line in _lan_rules(str(plan.site.network.lan.cidr), protocol, lan)
    ]
    tailnet = _allowed([p for p in ports if p.scope != "link"])
    link = _allowed([p for p in ports if p.scope == "link"])
    # A host may be in a tailnet that the stack does not describe.
    has_tailnet = bool(host.tailnet) or any(s.name == "tailscale" for s in plan.on(host.name))
    yield Module(
        "firewall.nix",
        "Open ports, each because of:\n" + "\n".join(_reasons(ports)),
        derived=merge(
            attrs("networking.nftables.enable", True),
            attrs("networking.firewall.enable", True),
            attrs("networking.firewall.extraInputRules", Lines("\n".join(rules) + "\n"))
            if rules
            else {},
            _on_interface(TAILNET, tailnet) if has_tailnet else {},
            _on_interface(host.config.interface or "", link),
        ),
    )


def _allowed(ports: list[PortUse]) -> dict[str, Nix]:
    out: dict[str, Nix] = {}
    for protocol, option in (("tcp", "allowedTCPPorts"), ("udp", "allowedUDPPorts")):
        numbers: list[Nix] = [*sorted({p.port for p in ports if p.protocol == protocol})]
        if numbers:
            out[option] = numbers
    return out


def _on_interface(name: str, options: dict[str, Nix]) -> Attrs:
    if not name or not options:
        return {}
    return {"networking": {"firewall": {"interfaces": {name: options}}}}


def _lan_rules(cidr: str, protocol: str, ports: list[PortUse]) -> Iterator[str]:
    numbers = sorted({p.port for p in ports if p.protocol == protocol})
    if numbers:
        listed = ", ".join(str(n) for n in numbers)
        yield f"ip saddr {cidr} {protocol} dport {{ {listed} }} accept"


def _reasons(ports: tuple[PortUse, ...]) -> Iterator[str]:
    for p in ports:
        where = {"lan": "LAN and tailnet", "link": "LAN interface"}.get(p.scope, "tailnet")
        why = f": {p.why}" if p.why else ""
        yield f"  {p.port}/{p.protocol} ({where}) {p.owner}{why}"
