"""Access rules of the gate: those that follow from the routes, and those the stack adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from homelab.identity.model import IdentityConfig, Rule
from homelab.network.route import Route

BANDS = {
    "bypass": (0, 19),
    "two_factor": (20, 49),
    "deny": (20, 49),
    "one_factor": (50, 64),
}
"""Priorities by policy. The lowest decides first, so what is stricter is asked before what is
open; 65 to 79 are for rules about single paths, whatever their policy."""
PATHS = (65, 79)
OPEN, STRICT, SHUT, PLAIN = 5, 30, 31, 55
"""Priorities of the rules that follow from routes: open paths, second factors, the end of a
group's rule, and passwords."""


def rules_of(config: IdentityConfig, routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Every rule, in the order in which the gate asks them."""
    derived = [rule for route in routes if route.auth == "forward" for rule in _of(route)]
    named = {r.name: r for r in routes}
    said = [
        Rule(
            domain=named[rule.route].names,
            policy=rule.policy,
            subjects=(*(f"group:{g}" for g in rule.groups), *(f"user:{u}" for u in rule.users)),
            resources=tuple(rule.resources),
            source=f"identity.rules[{i}]",
            priority=rule.priority,
            route=rule.route,
        )
        for i, rule in enumerate(config.rules)
        if rule.route in named
    ]
    # What the stack says comes before what we derive; a stable sort keeps the rest as it stands.
    return tuple(sorted([*said, *derived], key=lambda r: r.priority))


def _of(route: Route) -> Iterator[Rule]:
    if route.exempt:
        yield Rule(
            domain=route.names,
            policy="bypass",
            subjects=(),
            resources=tuple(resource(path) for path in route.exempt),
            source=route.source,
            priority=OPEN,
            route=route.name,
        )
    strict = route.policy == "two_factor"
    yield Rule(
        domain=route.names,
        policy="two_factor" if strict else "one_factor",
        subjects=tuple(f"group:{g}" for g in route.groups),
        resources=(),
        source=route.source,
        priority=STRICT if strict else PLAIN,
        route=route.name,
    )
    if strict and route.groups:
        # Whoever is in no group must not fall through to a rule that somebody adds below.
        yield Rule(route.names, "deny", (), (), route.source, SHUT, route.name)


def covers(first: Rule, second: Rule) -> bool:
    """Whether the first rule decides everything that the second is about."""
    return (
        set(second.domain) <= set(first.domain)
        and (not first.resources or set() < set(second.resources) <= set(first.resources))
        and (not first.subjects or set(second.subjects) <= set(first.subjects) != set())
        and (not first.subjects or bool(second.subjects))
    )


def resource(path: str) -> str:
    """A path as the gate's regular expression, which is asked of path and query together."""
    if path.endswith("*"):
        return f"^{_quoted(path[:-1])}"
    return rf"^{_quoted(path)}(\?.*)?$"


def _quoted(text: str) -> str:
    # Not re.escape: Go's expressions refuse an escape before a letter or a blank.
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", text)
