"""Checks of addresses: valid for a host, and unique."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from homelab.check import check
from homelab.network.model import TAILNET_NETWORK
from homelab.network.public import is_public
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options


@check("ip-unique")
def ip_unique(plan: Plan) -> Iterator[Problem]:
    """With one address for two hosts, every rule that names it applies to both. A router may
    forward several ports of its public address.
    """
    seen: dict[tuple[str, str, int], str] = {}
    for host in plan.hosts.values():
        for kind, address in host.addresses.items():
            public = kind == "public"
            end = (kind, address, host.config.ssh.port if public else 0)
            if end in seen:
                yield Problem(
                    f"{host.source}.address.{kind}",
                    f"{host.name} and {seen[end]} both have {address}",
                    "give each host an address of its own"
                    + (", or an ssh.port of its own, which the router forwards" if public else ""),
                )
            seen[end] = host.name


@check("ip-in-lan")
def ip_in_lan(plan: Plan) -> Iterator[Problem]:
    """The firewall and the tailnet's subnet route cover the LAN's network only, and its network and
    broadcast addresses cannot be a host's.
    """
    lan = plan.stack.network.lan
    if not _is_at_home(lan.cidr):
        return  # lan-private reports it
    for host in plan.hosts.values():
        address = host.config.address.lan
        if address is None:
            continue
        where = f"{host.source}.address.lan"
        near = any(h.config.address.lan in lan.cidr for h in plan.hosts.values() if h.lan)
        taken = _taken(address, lan.cidr)
        if address not in lan.cidr:
            way_out = "correct it, or network.lan.cidr"
            if is_public(address):
                way_out = f"for a host outside of the LAN write address: {{public: {address}}}"
            what = f"{address} is not in the LAN {lan.cidr}"
            yield Problem(where, what, way_out, cause="" if near else "network.lan.cidr")
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
"""Private networks (RFC 1918), and loopback for a rehearsal."""


@check("lan-private")
def lan_private(plan: Plan) -> Iterator[Problem]:
    """An address of the LAN counts as at home: the firewall allows it SSH, DNS and web pages."""
    lan = plan.stack.network.lan.cidr
    if _is_at_home(lan):
        return
    what = "is not a private network: machines on the internet have addresses in it"
    if lan.subnet_of(IPv4Network(TAILNET_NETWORK)):
        what = "is where the tailnet's own addresses lie, and each rule would mean both"
    yield Problem(
        "network.lan.cidr",
        f"{lan} {what}",
        "write the router's network, as `ip route` shows it: 192.168.1.0/24; its gateway and the "
        "LAN address of each host lie in there",
    )


_PODMAN = IPv4Network("10.88.0.0/16")
"""Podman's default network, of every container without a network of its own."""
_SUBNETS = "virtualisation.podman.defaultNetwork.settings.subnets"


@check("cidr-overlap", severity="warning")
def cidr_overlap(plan: Plan) -> Iterator[Problem]:
    """A host with containers takes addresses of Podman's network for its containers, so it reaches
    no machine of the LAN there.
    """
    lan = plan.stack.network.lan.cidr
    if not lan.overlaps(_PODMAN) or not _is_at_home(lan):
        return
    for host in plan.hosts.values():
        services = plan.on(host.name)
        if any(o.name.startswith(_SUBNETS) for s in services for o in declared_options(s.config)):
            continue
        contained = [s for s in services if any(not p.network for p in s.parts)]
        if contained and host.is_nixos:
            yield Problem(
                "network.lan.cidr",
                f"{lan} overlaps {_PODMAN}, the network of {contained[0].name}'s container on "
                f"{host.name}, which then reaches no machine of the LAN there",
                f"give the LAN another network; or write services.{contained[0].name}.options: "
                f'{{{_SUBNETS}: [{{subnet: "{_free(lan)}.0/24", gateway: "{_free(lan)}.1"}}]}}',
            )


def _free(lan: IPv4Network) -> str:
    """The first three numbers of a small private network that the LAN does not overlap."""
    networks = ("172.31.88", "192.168.88")
    return next(n for n in networks if not lan.overlaps(IPv4Network(f"{n}.0/24")))


def _is_at_home(network: IPv4Network) -> bool:
    return any(network.subnet_of(IPv4Network(private)) for private in _PRIVATE)


@check("gateway-in-lan")
def gateway_in_lan(plan: Plan) -> Iterator[Problem]:
    """No host reaches a router outside the network, or at an address that no machine can have."""
    lan = plan.stack.network.lan
    taken = _taken(lan.gateway, lan.cidr)
    if not _is_at_home(lan.cidr):
        return  # lan-private reports it
    if lan.gateway not in lan.cidr or taken:
        yield Problem(
            "network.lan.gateway",
            f"{lan.gateway} is {taken}, which no router can have"
            if taken
            else f"the gateway {lan.gateway} is not in the LAN {lan.cidr}",
            "correct it (ip route shows it after default via), or network.lan.cidr",
        )


@check("ip-in-tailnet")
def ip_in_tailnet(plan: Plan) -> Iterator[Problem]:
    """Tailscale gives every machine an address in one network; rules for others match nothing."""
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
    """What the address means in its network, if it cannot be a machine's; else empty."""
    # Networks of one or two addresses have no network or broadcast address (RFC 3021).
    if network.prefixlen > 30:
        return ""
    if address == network.network_address:
        return f"the network {network} itself"
    if address == network.broadcast_address:
        return f"the broadcast address of {network}"
    return ""
