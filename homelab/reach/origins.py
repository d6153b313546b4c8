"""Origins: people and machines on the tailnet, devices on the LAN, and the internet."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.plan import Plan
from homelab.reach.model import Origin
from homelab.tailnet.members import FAMILY, OWNERS
from homelab.tailnet.model import TailnetPlan

LAN = Origin("lan", "lan", "", "network.lan")
INTERNET = Origin("internet", "internet", "", "site.exposure")


def plan_origins(plan: Plan) -> tuple[Origin, ...]:
    """Every origin: people first, then machines, then those outside the tailnet."""
    inside = _on_tailnet(plan, plan.tailnet) if plan.tailnet is not None else ()
    return (*inside, LAN, *_on_lan(plan), INTERNET)


def _on_lan(plan: Plan) -> Iterator[Origin]:
    """Hosts whose LAN address has firewall rules of its own."""
    peers = {address for use in plan.firewall.ports for address in use.peers}
    for name, host in sorted(plan.hosts.items()):
        if host.lan in peers:
            yield Origin(name, "lan", name, f"hosts.{name}.address")


def _on_tailnet(plan: Plan, tailnet: TailnetPlan) -> Iterator[Origin]:
    # All members of a group have the same access; one represents it.
    for name, group in (("owner", OWNERS), ("family", FAMILY)):
        people = tailnet.groups.get(group)
        if people:
            field = "owners" if group == OWNERS else "family"
            yield Origin(name, "tailnet", people[0], f"tailnet.{field}")
    named = {end: grant.source for grant in reversed(tailnet.grants) for end in grant.src}
    for name in sorted(n for n in named if "@" in n):
        yield Origin(name, "tailnet", name, named[name])
    for tag, hosts in sorted(tailnet.tags.items()):
        if hosts:
            yield Origin(tag, "tailnet", tag, f"hosts.{hosts[0]}")
    # A host that a grant names may reach more than its tags.
    for name in sorted(n for n in named if n in plan.hosts):
        yield Origin(name, "tailnet", name, f"hosts.{name}")
