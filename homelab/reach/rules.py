"""What the gate's rules ask for in front of a route, in words."""

from __future__ import annotations

from homelab.identity.model import IdentityPlan, Rule
from homelab.network.route import Route
from homelab.reach.model import Barrier


def gate_of(identity: IdentityPlan, route: Route) -> Barrier | None:
    """The rule for the whole route, and those that say something else of some of its paths; none
    where the rules let everybody in.
    """
    mine = [r for r in identity.rules if set(route.names) & set(r.domain)]
    whole = next((r for r in mine if not r.said and r.policy != "deny"), None)
    if whole is None or whole.policy == "bypass":
        return None
    said = [r for r in mine if r.said]
    more = [
        f"; {_who(r)} for {' '.join(r.said)}"
        for r in said
        if r.policy in ("one_factor", "two_factor")
    ]
    free = [*route.exempt, *(p for r in said if r.policy == "bypass" for p in r.said)]
    but = f", but {' '.join(free)}" if free else ""
    return Barrier("forward", f"sign-in ({_who(whole)}{''.join(more)}){but}", whole.source)


def _who(rule: Rule) -> str:
    people = " or ".join(s.partition(":")[2] for s in rule.subjects)
    return f"{rule.policy}, {people}" if people else rule.policy
