"""Access rules of the auth proxy: those derived from routes, and those of the stack config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from homelab.config.identity import IdentityConfig
from homelab.identity.model import Rule
from homelab.network.route import Route

BANDS = {
    "bypass": (0, 19),
    "two_factor": (20, 49),
    "deny": (20, 49),
    "one_factor": (50, 64),
}
"""Priorities by policy; the lowest is evaluated first. 65 to 79 are for rules about single paths
with any policy."""
PATHS = (65, 79)
STRICT, SHUT, PLAIN = 30, 31, 55
"""Priorities of rules derived from routes: two_factor, the deny after a group's rule, one_factor.
Exempt paths have no rule: the reverse proxy lets them pass without an auth request."""


def policy_of(config: IdentityConfig, routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Every rule, in the order in which the auth proxy evaluates them."""
    derived = [rule for route in routes if route.auth == "forward" for rule in _of(route)]
    named = {r.name: r for r in routes}
    stated = [
        Rule(
            domain=named[rule.route].names,
            policy=rule.policy,
            subjects=(*(f"group:{g}" for g in rule.groups), *(f"user:{u}" for u in rule.users)),
            resources=(
                *(of_path(p, open_=rule.policy == "bypass") for p in rule.paths),
                *(of_expression(e) for e in rule.resources),
            ),
            source=f"identity.rules[{i}]",
            priority=rule.priority,
            route=rule.route,
            said=(*rule.paths, *rule.resources),
        )
        for i, rule in enumerate(config.rules)
        if rule.route in named
    ]
    # At equal priority, rules of the stack config come before derived ones (the sort is stable).
    return tuple(sorted([*stated, *derived], key=lambda r: r.priority))


def _of(route: Route) -> Iterator[Rule]:
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
        # People outside the groups must not match a rule that is added below.
        yield Rule(route.names, "deny", (), (), route.source, SHUT, route.name)


def covers(first: Rule, second: Rule) -> bool:
    """Whether the first rule matches every request that the second matches."""
    return (
        set(second.domain) <= set(first.domain)
        and _covers_paths(first, second)
        and (not first.subjects or set(second.subjects) <= set(first.subjects) != set())
        and (not first.subjects or bool(second.subjects))
    )


def _covers_paths(first: Rule, second: Rule) -> bool:
    """Compares paths, and expressions as text: their intersection is not computed."""
    if not first.said:
        return True
    return bool(second.said) and all(
        any(one == two or _is_below(two, one) for one in first.said) for two in second.said
    )


def _is_below(path: str, above: str) -> bool:
    root = above.removesuffix("/*")
    return root != above and (path == root or path.startswith(f"{root}/"))


def of_path(path: str, *, open_: bool) -> str:
    """A path as an Authelia expression, which matches the normalized path and its query together.

    A protecting rule also matches upper case and a trailing slash, which some apps treat as the
    same path. An opening rule (`open_`) matches only the exact spelling.
    """
    root = path.removesuffix("/*")
    flag = "" if open_ else "(?i)"
    if root != path:
        return rf"{flag}^{_quoted(root)}([/?].*)?$"
    return rf"{flag}^{_quoted(root)}{'' if open_ else '/?'}(\?.*)?$"


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""A token of an expression: an escape, a character class, or another character."""


def of_expression(expression: str) -> str:
    """An expression for paths as one for path and query, so that a query changes no match."""
    return "".join(_of_path_alone(t) for t in _TOKEN.findall(expression))


def _of_path_alone(token: str) -> str:
    if token == "$":
        return r"(\?.*)?$"
    if token == ".":
        return "[^?]"
    if token.startswith("[^"):
        # A bracket or a hyphen in first position is literal.
        return "[^?" + ("\\" if token[2] in "]-" else "") + token[2:]
    return token


def asks_the_query(expression: str) -> str:
    """The part of an expression that matches a question mark implicitly, or that hides the end of
    the path; empty for none.
    """
    for token in _TOKEN.findall(expression):
        if token.startswith("["):
            ranges = re.findall(r"([^\\])-([^\]\\])", token[1:-1].removeprefix("^"))
            wide = any(low <= "?" <= high for low, high in ranges)
            if wide or "[:" in token or re.search(r"\\[DSWPQ]", token):
                return str(token)
        elif re.fullmatch(r"\\[DSWPCQzB]", token):
            return str(token)
    return ""


def _quoted(text: str) -> str:
    # Not re.escape: Go refuses an escape before a letter or a space.
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", text)
