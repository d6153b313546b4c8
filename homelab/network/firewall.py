"""The firewall plan as nftables rules: every port is closed unless a route or a role needs it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from homelab.network.between import on_tailnet
from homelab.network.model import TAILNET, PortUse
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Open ports by interface and source network. Of a host with a public address, SSH is open to
    the internet, and nothing else.
    """
    if not host.is_nixos:
        return
    ports = plan.firewall.on(host.name)
    inside = tuple(p for p in ports if not p.internet)
    # A rented server may have neighbours with addresses of the LAN.
    lan = [p for p in inside if p.scope == "lan" and host.may_be_at_home]
    rules = [
        *_lan_rules(str(plan.stack.network.lan.cidr), lan),
        *_host_rules(host, inside),
    ]
    tailnet = _allowed([p for p in inside if p.scope not in ("link", "hosts")])
    link = _allowed([p for p in ports if p.scope == "link"])
    yield Module(
        "firewall.nix",
        "Open ports, and the reason for each:\n"
        + "\n".join(_reasons(host, ports, tailnet=on_tailnet(plan.stack, host.name))),
        derived=merge(
            attrs("networking.nftables.enable", True),
            attrs("networking.firewall.enable", True),
            {"networking": {"firewall": _allowed([p for p in ports if p.internet])}},
            attrs("networking.firewall.extraInputRules", Lines("\n".join(rules) + "\n"))
            if rules
            else {},
            _on_interface(TAILNET, tailnet) if on_tailnet(plan.stack, host.name) else {},
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


def _lan_rules(cidr: str, ports: list[PortUse]) -> Iterator[str]:
    for protocol in ("tcp", "udp"):
        numbers = sorted({p.port for p in ports if p.protocol == protocol})
        if numbers:
            yield f"ip saddr {cidr} {protocol} dport {_set(numbers)} accept"


def _host_rules(host: Host, ports: tuple[PortUse, ...]) -> Iterator[str]:
    """For each calling host, the ports that it uses over the LAN. The rule is limited to the LAN
    interface if the stack config names it.
    """
    interface = f'iifname "{host.config.interface}" ' if host.config.interface else ""
    called: dict[tuple[IPv4Address, str], set[int]] = {}
    for use in ports:
        for peer in use.peers:
            called.setdefault((IPv4Address(peer), use.protocol), set()).add(use.port)
    for (caller, protocol), numbers in sorted(called.items()):
        yield f"{interface}ip saddr {caller} {protocol} dport {_set(sorted(numbers))} accept"


def _set(numbers: list[int]) -> str:
    return "{ " + ", ".join(str(n) for n in numbers) + " }"


def where_open(use: PortUse, *, tailnet: bool, lan: bool) -> str:
    """The networks and hosts that can reach a port, in words; `tailnet` and `lan` say in which its
    host is.
    """
    if use.internet:
        return "internet"
    words = {
        "hosts": "",
        "lan": " and ".join(["LAN"] * lan + ["tailnet"] * tailnet),
        "link": "LAN interface",
        "tailnet": "tailnet",
    }[use.scope]
    return " and ".join(w for w in (words, *use.peers) if w)


def _reasons(host: Host, ports: tuple[PortUse, ...], *, tailnet: bool) -> Iterator[str]:
    for p in ports:
        where = where_open(p, tailnet=tailnet, lan=host.may_be_at_home)
        why = f": {p.why}" if p.why else ""
        yield f"  {p.port}/{p.protocol} ({where}) {p.owner}{why}"
