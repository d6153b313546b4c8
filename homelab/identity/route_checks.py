"""Checks of what routes and rules say of the sign-in: it holds where our sign-in asks at all."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

from homelab.check import check
from homelab.identity.model import Rule
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem

_WHO_ASKS = {
    "none": "nobody asks who it is (auth: none)",
    "native": "the app asks by itself (auth: native)",
    "oidc": "the app asks (auth: oidc), and the auth proxy does not",
}


@check("sign-in-effect", rows="S0-13 S0-26 S1-07")
def sign_in_effect(plan: Plan) -> Iterator[Problem]:
    """Our sign-in alone asks for groups and policies, and the auth proxy alone exempts paths: where
    neither stands in front of a route, whoever reaches it passes.
    """
    for route in plan.routes:
        service = plan.service(route.service)
        said = service.config.routes if service is not None else None
        if service is None or said is None or route.auth == "forward":
            continue
        config = said[route.position]
        # The portal asks for groups and policy of those that an app sends to it.
        names = ("exempt",) if route.auth == "oidc" else ("groups", "policy", "exempt")
        fields = [name for name in names if getattr(config, name)]
        if not fields:
            continue
        listed = " and ".join(filter(None, (", ".join(fields[:-1]), fields[-1])))
        can_ask = service.entry.sign_in.oidc is not None and "exempt" not in fields
        yield Problem(
            route.at(fields[0]),
            f"{route.title} says {listed}, and {_WHO_ASKS[route.auth]}",
            f"write auth: forward{' or auth: oidc' if can_ask else ''} there, or leave {listed} "
            "out",
        )


@check("sign-in-opened", rows="S0-13 S1-08")
def sign_in_opened(plan: Plan) -> Iterator[Problem]:
    """An auth proxy that leaves every path open asks nobody, and the route looks as if it did."""
    rules: dict[str, list[Rule]] = {}
    for rule in plan.identity.rules if plan.identity else ():
        for name in rule.domain:
            rules.setdefault(name, []).append(rule)
    for route in plan.routes:
        # What has no name at home is known to the tunnel alone, where Access asks everybody.
        behind_access = route.publish == "tunnel" and route.access
        if route.auth != "forward" or (behind_access and not route.internal):
            continue
        asked = [
            r
            for r in rules.get(next(iter(route.names), ""), ())
            if set(route.names) <= set(r.domain)
        ]
        opened = [_opens(asked, route, path) for path in _ANY_PATH]
        if not all(opened):
            continue
        if "/*" in route.exempt or (route.public and not (behind_access or route.public_reason)):
            continue  # proxy-text tells; auth-proxy-opened does of what anyone on the internet gets
        for where in dict.fromkeys(opened):
            words = "exempt" if where == route.at("exempt") else "paths"
            yield Problem(
                where,
                f"{route.title} asks for a sign-in, and this leaves every path of it open",
                f"leave it out, or name single paths: {words}: [/…]",
            )


_ANY_PATH = ("/", "/zq7", "/zq7/4_x.html")
"""Paths that have nothing in common: what matches each of them matches all there are."""


def _opens(rules: Sequence[Rule], route: Route, path: str) -> str:
    """The place in the stack config that lets a path through; empty where the auth proxy asks."""
    for exempt in route.exempt:
        if path == exempt or (exempt.endswith("*") and path.startswith(exempt[:-1])):
            return route.at("exempt")
    for rule in rules:
        if _is_about(rule, path):
            return rule.source if rule.policy == "bypass" else ""
    return ""


def _is_about(rule: Rule, path: str) -> bool:
    if not rule.resources:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # rule-text tells of what Go reads otherwise
        try:
            return any(re.search(pattern, path) for pattern in rule.resources)
        except re.error:
            return False
