"""Checks of hosts with an address on the internet."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from homelab.check import check
from homelab.config.services import ports_of
from homelab.network.between import on_tailnet
from homelab.network.model import TAILNET_NETWORK, TAILNET_NETWORK_6, PortUse
from homelab.network.public import is_public
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.storage.shares import plan_shares
from homelab.system.model import Host

_TAILNETS = (IPv4Network(TAILNET_NETWORK), IPv6Network(TAILNET_NETWORK_6))


@check("public-address")
def public_address(plan: Plan) -> Iterator[Problem]:
    """The deployer reaches a public address from anywhere, and SSH is open there to everybody."""
    cloud = plan.cloudflare
    proxied = {r.name for r in cloud.records if r.proxied} if cloud is not None else set()
    for host in plan.hosts.values():
        public = host.public
        what, way_out = _private(public)
        if public in proxied:
            what = "is a name that Cloudflare answers, and Cloudflare passes no SSH on"
            way_out = "write the address of the host, or a name that leads to it alone"
        elif public and not host.is_nixos:
            what = "would open SSH, and the stack does not configure this host's system"
            way_out = "leave it out"
        if what:
            yield Problem(f"{host.source}.address.public", f"{public} {what}", way_out)


def _private(public: str) -> tuple[str, str]:
    """What a private address means, and the way out; empty for a public one and for a name."""
    try:
        address = ip_address(public)
    except ValueError:
        return "", ""
    if is_public(address):
        return "", ""
    if any(address in network for network in _TAILNETS):
        return "is an address in the tailnet", f"leave it out, and write tailnet: {public}"
    if isinstance(address, IPv4Address):
        return "is not an address on the internet", f"leave it out, and write lan: {public}"
    return "is not an address on the internet", "write the one that begins with 2 or 3"


@check("public-only")
def public_only(plan: Plan) -> Iterator[Problem]:
    """Outside of the LAN, the LAN's addresses belong to other people's machines, so settings for
    the LAN have no effect there.
    """
    outside = {h.name: h for h in plan.hosts.values() if not h.may_be_at_home}
    for use in plan.firewall.ports:
        host = outside.get(use.host)
        if host is None or use.internet or use.scope not in ("lan", "link"):
            continue
        if use.scope == "lan" and on_tailnet(plan.stack, host.name):
            if not _is_stated(plan, use):
                continue  # it is open to the tailnet, as the firewall says
            way_out = "write scope: tailnet"
        elif use.scope == "lan":
            way_out = f"let {host.name} join the tailnet"
        else:
            way_out = "leave it out"
        network = "the LAN's interface" if use.scope == "link" else "the LAN"
        what = f"{use.port}/{use.protocol} of {use.owner} is open to {network}"
        yield _apart(use.source, what, host, way_out)
    for route in plan.routes:
        if route.lan_direct and route.host in outside:
            what = f"{route.service} is for devices on the LAN, too"
            yield _apart(route.at("lan_direct"), what, outside[route.host], "leave it out")
    for share in plan_shares(plan.stack):
        if share.lan and share.host in outside:
            what = f"the share {share.name} is for the LAN, too"
            yield _apart(f"{share.source}.lan", what, outside[share.host], "leave it out")


def _apart(where: str, what: str, host: Host, way_out: str) -> Problem:
    return Problem(
        where,
        f"{what}, and {host.name}, which has a public address alone, is not in the LAN",
        f"{way_out}; or write {host.source}.address.lan if it has one",
    )


def _is_stated(plan: Plan, use: PortUse) -> bool:
    """Whether the stack config itself opens the port to the LAN."""
    config = plan.stack.services.get(use.owner)
    port = ports_of(config).get(use.label) if config is not None else None
    return port is not None and "scope" in port.model_fields_set
