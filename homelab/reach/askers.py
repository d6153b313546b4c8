"""Who asks: people and machines on the tailnet, a device on the LAN, anyone on the internet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.reach.model import Asker
from homelab.tailnet.members import FAMILY, OWNERS

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.tailnet.model import TailnetPlan

LAN = Asker("lan", "lan", "", "network.lan")
INTERNET = Asker("internet", "internet", "", "site.exposure")


def plan_askers(plan: Plan) -> tuple[Asker, ...]:
    """Each kind of asker: people first, then machines, then those off the tailnet."""
    inside = _on_tailnet(plan, plan.tailnet) if plan.tailnet is not None else ()
    return (*inside, LAN, *_on_lan(plan), INTERNET)


def _on_lan(plan: Plan) -> Iterator[Asker]:
    """Hosts that some firewall knows by their LAN address, and lets do more than any device."""
    peers = {address for use in plan.firewall.ports for address in use.peers}
    for name, host in sorted(plan.hosts.items()):
        if host.lan in peers:
            yield Asker(name, "lan", name, f"hosts.{name}.address")


def _on_tailnet(plan: Plan, tailnet: TailnetPlan) -> Iterator[Asker]:
    # All of a group may do the same; one of them stands for it.
    for name, group in (("owner", OWNERS), ("family", FAMILY)):
        people = tailnet.groups.get(group)
        if people:
            field = "owners" if group == OWNERS else "family"
            yield Asker(name, "tailnet", people[0], f"tailnet.{field}")
    named = {end: grant.source for grant in reversed(tailnet.grants) for end in grant.src}
    for name in sorted(n for n in named if "@" in n):
        yield Asker(name, "tailnet", name, named[name])
    for tag, hosts in sorted(tailnet.tags.items()):
        if hosts:
            yield Asker(tag, "tailnet", tag, f"hosts.{hosts[0]}")
    # A host that some grant names may do more than its tags.
    for name in sorted(n for n in named if n in plan.hosts):
        yield Asker(name, "tailnet", name, f"hosts.{name}")
