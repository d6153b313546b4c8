"""Checks of `groups`, `policy`, `exempt` and rules: they need a sign-in that applies them."""

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


@check("sign-in-effect")
def sign_in_effect(plan: Plan) -> Iterator[Problem]:
    """Only forward auth and OIDC apply `groups` and `policy`, and only forward auth `exempt`: they
    have no effect on any other route, and every client that reaches it gets in.
    """
    for route in plan.routes:
        service = plan.service(route.service)
        said = service.config.routes if service is not None else None
        if service is None or said is None or route.auth == "forward":
            continue
        config = said[route.position]
        # With OIDC the portal applies groups and policy.
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


@check("sign-in-opened")
def sign_in_opened(plan: Plan) -> Iterator[Problem]:
    """With every path exempt, a route with forward auth is open to everybody."""
    rules: dict[str, list[Rule]] = {}
    for rule in plan.identity.rules if plan.identity else ():
        for name in rule.domain:
            rules.setdefault(name, []).append(rule)
    for route in plan.routes:
        # A route without an internal name is reached through the tunnel only, behind Access.
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
            continue  # proxy-text or auth-proxy-opened reports it
        for where in dict.fromkeys(opened):
            words = "exempt" if where == route.at("exempt") else "paths"
            yield Problem(
                where,
                f"{route.title} asks for a sign-in, and this leaves every path of it open",
                f"leave it out, or name single paths: {words}: [/…]",
            )


_ANY_PATH = ("/", "/zq7", "/zq7/4_x.html")
"""Unrelated paths: a rule that matches each of them matches every path."""


def _opens(rules: Sequence[Rule], route: Route, path: str) -> str:
    """The place in the stack config that opens a path. Empty if it needs a sign-in."""
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
        warnings.simplefilter("ignore", FutureWarning)  # rule-text reports it
        try:
            return any(re.search(pattern, path) for pattern in rule.resources)
        except re.error:
            return False
