"""Checks of routes that hosts accept from the tailnet."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.tailnet.members import is_member


@check("accept-routes-own-lan")
def accept_routes_own_lan(plan: Plan) -> Iterator[Problem]:
    """On Linux an accepted route overrides the host's own LAN, so LAN traffic depends on the subnet
    router.
    """
    if plan.tailnet is None:
        return
    members = [h for h in plan.hosts.values() if is_member(h)]
    for host in members:
        settings = host.config.tailscale
        if settings is None or not settings.accept_routes or not host.lan:
            continue
        for other in members:
            advertised = other.config.tailscale
            for network in advertised.subnet_routes if advertised and other is not host else ():
                if IPv4Address(host.lan) in network:
                    yield Problem(
                        f"{host.source}.tailscale.accept_routes",
                        f"{host.name} ({host.lan}) is in {network}, which {other.name} advertises: "
                        "its LAN traffic would go through that host",
                        "leave accept_routes out; a host on the LAN needs no route to it",
                    )
