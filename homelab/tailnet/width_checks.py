"""Checks of tailnet settings that are too wide."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import get_args

from homelab.check import check
from homelab.config.hosts import Role
from homelab.network.model import TAILNET_NETWORK
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.tailnet.members import settings

_EVERYBODY = ("*", "autogroup:member", "autogroup:tagged", "autogroup:shared")
_NARROWEST = 8


@check("subnet-route-width")
def subnet_route_width(plan: Plan) -> Iterator[Problem]:
    """A subnet route to the internet or the tailnet itself redirects traffic of every device."""
    for host in plan.hosts.values():
        for i, network in enumerate(settings(host).subnet_routes):
            where = f"{host.source}.tailscale.subnet_routes[{i}]"
            if network.prefixlen == 0:
                yield Problem(
                    where,
                    f"{network} is the whole internet, for every device that accepts routes",
                    f"drop it, and write {host.source}.tailscale.exit_node: true",
                )
            elif network.overlaps(IPv4Network(TAILNET_NETWORK)):
                yield Problem(
                    where,
                    f"{network} contains the tailnet's own addresses",
                    "name the network behind the host",
                )
            elif network.prefixlen < _NARROWEST:
                yield Problem(
                    where,
                    f"{network} is larger than any private network, and mostly on the internet",
                    f"name the network behind the host, as {plan.stack.network.lan.cidr}",
                )


@check("funnel-width")
def funnel_width(plan: Plan) -> Iterator[Problem]:
    """Funnel publishes to the internet, without the tunnel and Access: it needs narrow targets."""
    config = plan.stack.tailnet
    for i, attribute in enumerate(config.node_attributes if config else ()):
        wide = [t for t in attribute.target if t in _EVERYBODY]
        if "funnel" in attribute.attr and wide:
            yield Problem(
                f"tailnet.node_attributes[{i}].target",
                f"{', '.join(wide)} could publish anything on the internet with Funnel",
                "name the host or the tag that needs it, or give the service a route",
            )


@check("ssh-root")
def ssh_root(plan: Plan) -> Iterator[Problem]:
    """A login as root, or as an owner with passwordless sudo, gives full control of the host."""
    config, owner = plan.stack.tailnet, plan.stack.site.owner
    as_root = {"root", *((owner.user,) if owner.sudo == "passwordless" else ())}
    for i, rule in enumerate(config.ssh if config else ()):
        wide = [s for s in rule.src if s in _EVERYBODY or s == "group:family"]
        users = [u for u in rule.users if u in as_root]
        if wide and users:
            yield Problem(
                f"tailnet.ssh[{i}].users",
                f"{', '.join(wide)} would log in as {', '.join(users)}, which is root",
                "name another user, or list the people in src",
            )


@check("tag-used", severity="warning", whole=True)
def tag_used(plan: Plan) -> Iterator[Problem]:
    """An unused tag has no effect."""
    for where, tag, close in unused_tags(plan):
        if not close:
            yield Problem(
                where,
                f"no grant, no SSH rule and no attribute names tag:{tag}, so it opens nothing",
                "name it as src or dst in tailnet.grants, or drop it",
            )


def unused_tags(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """(place, tag, similar tag that has an effect or empty) of tags of hosts that nothing names."""
    config = plan.stack.tailnet
    if config is None or plan.tailnet is None:
        return
    named = {end for grant in config.grants for end in (*grant.src, *grant.dst)}
    named |= {end for rule in config.ssh for end in (*rule.src, *rule.dst)}
    named |= {t for a in config.node_attributes for t in a.target}
    known = sorted({f"tag:{r}" for r in get_args(Role)} | {n for n in named if n[:4] == "tag:"})
    for host in plan.hosts.values():
        for i, tag in enumerate(settings(host).tags):
            if f"tag:{tag}" not in known:
                close = difflib.get_close_matches(f"tag:{tag}", known, n=1, cutoff=0.8)
                similar = close[0].removeprefix("tag:") if close else ""
                yield f"{host.source}.tailscale.tags[{i}]", tag, similar
