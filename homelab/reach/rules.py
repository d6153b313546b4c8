"""The sign-in that the access rules require for a route, in words."""

from __future__ import annotations

from homelab.identity.model import IdentityPlan, Rule
from homelab.network.route import Route
from homelab.reach.model import Barrier


def sign_in_of(identity: IdentityPlan, route: Route) -> Barrier | None:
    """The rule for the whole route, with the exceptions for single paths; None if the rules let
    everybody in.
    """
    rules = [r for r in identity.rules if set(route.names) & set(r.domain)]
    whole = next((r for r in rules if not r.said and r.policy != "deny"), None)
    if whole is None or whole.policy == "bypass":
        return None
    of_paths = [r for r in rules if r.said]
    more = [
        f"; {_who(r)} for {' '.join(r.said)}"
        for r in of_paths
        if r.policy in ("one_factor", "two_factor")
    ]
    exempt = [*route.exempt, *(p for r in of_paths if r.policy == "bypass" for p in r.said)]
    suffix = f", except {' '.join(exempt)}" if exempt else ""
    return Barrier("forward", f"sign-in ({_who(whole)}{''.join(more)}){suffix}", whole.source)


def _who(rule: Rule) -> str:
    people = " or ".join(s.partition(":")[2] for s in rule.subjects)
    return f"{rule.policy}, {people}" if people else rule.policy
