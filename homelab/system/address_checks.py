"""Checks of addresses: each is one that a host can have, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from homelab.check import check
from homelab.network.model import TAILNET_NETWORK
from homelab.plan import Plan
from homelab.problems import Problem


@check("ip-unique", rows="S0-01")
def ip_unique(plan: Plan) -> Iterator[Problem]:
    """Two hosts at one address: every rule that names it would mean either."""
    for kind in ("lan", "tailnet"):
        seen: dict[str, str] = {}
        for host in plan.hosts.values():
            address = host.lan if kind == "lan" else host.tailnet
            if not address:
                continue
            if address in seen:
                yield Problem(
                    f"{host.source}.address.{kind}",
                    f"{host.name} and {seen[address]} both have {address}",
                    "give each host an address of its own",
                )
            seen[address] = host.name


_AT_HOME = tuple(
    IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
)
"""Addresses that no machine of the internet has (RFC 1918, RFC 3927)."""


@check("ip-in-lan", rows="S0-01 S4-36")
def ip_in_lan(plan: Plan) -> Iterator[Problem]:
    """The firewall and the tailnet's subnet route speak of the LAN's network only, and some of its
    addresses are no host's.
    """
    lan = plan.stack.network.lan
    if not _is_at_home(lan.cidr):
        return  # lan-private tells
    for host in plan.hosts.values():
        address = host.config.address.lan
        if address is None:
            continue
        where = f"{host.source}.address.lan"
        taken = _taken(address, lan.cidr)
        if address not in lan.cidr:
            way_out = "correct it, or network.lan.cidr"
            if not any(address in network for network in _AT_HOME):
                way_out = (
                    "a host outside of the LAN is reached over the tailnet alone: let it join by "
                    "hand (tailscale up), leave lan out and write address: {tailnet: …}"
                )
            yield Problem(where, f"{address} is not in the LAN {lan.cidr}", way_out)
        elif taken:
            yield Problem(
                where,
                f"{address} is {taken}, which no host can have",
                "correct it, or network.lan.cidr",
            )
        elif address == lan.gateway:
            yield Problem(
                where,
                f"{address} is the gateway's own address",
                "give the host another, or correct network.lan.gateway",
            )


_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")
"""Networks of homes (RFC 1918), and loopback, which stands for a rehearsal."""


@check("lan-private", rows="S4-36 S0-56")
def lan_private(plan: Plan) -> Iterator[Problem]:
    """Whoever has an address of the LAN counts as being at home: the firewall lets them ask for
    SSH, names and pages.
    """
    lan = plan.stack.network.lan.cidr
    if _is_at_home(lan):
        return
    what = "is no private network: strangers have addresses there, and would count as at home"
    if lan.subnet_of(IPv4Network(TAILNET_NETWORK)):
        what = "is where the tailnet's own addresses lie, and each rule would mean both"
    yield Problem(
        "network.lan.cidr",
        f"{lan} {what}",
        "write the router's network, as `ip route` shows it: 192.168.1.0/24; its gateway and the "
        "LAN address of each host lie in there",
    )


def _is_at_home(network: IPv4Network) -> bool:
    return any(network.subnet_of(IPv4Network(private)) for private in _PRIVATE)


@check("gateway-in-lan", rows="S0-01 S1-01")
def gateway_in_lan(plan: Plan) -> Iterator[Problem]:
    """A router outside the network, or at an address of nobody, is one that no host reaches."""
    lan = plan.stack.network.lan
    taken = _taken(lan.gateway, lan.cidr)
    if not _is_at_home(lan.cidr):
        return  # lan-private tells
    if lan.gateway not in lan.cidr or taken:
        yield Problem(
            "network.lan.gateway",
            f"{lan.gateway} is {taken}, which no router can have"
            if taken
            else f"the gateway {lan.gateway} is not in the LAN {lan.cidr}",
            "correct it (ip route shows it after default via), or network.lan.cidr",
        )


@check("ip-in-tailnet", rows="S0-01")
def ip_in_tailnet(plan: Plan) -> Iterator[Problem]:
    """Tailscale gives every machine an address of one network; rules for another mean nobody."""
    for host in plan.hosts.values():
        address = host.config.address.tailnet
        # A loopback address stands for a rehearsal on the deployer's own machine.
        if address is None or address.is_loopback:
            continue
        if address not in IPv4Network(TAILNET_NETWORK):
            yield Problem(
                f"{host.source}.address.tailnet",
                f"{address} is no tailnet address; those are in {TAILNET_NETWORK}",
                "write what tailscale ip -4 says on the host, or leave it out until it has joined",
            )


def _taken(address: IPv4Address, network: IPv4Network) -> str:
    """What an address means in its network instead of a machine; empty if it may be one's."""
    # A network of one or two addresses has no such ones (RFC 3021).
    if network.prefixlen > 30:
        return ""
    if address == network.network_address:
        return f"the network {network} itself"
    if address == network.broadcast_address:
        return f"the broadcast address of {network}"
    return ""
