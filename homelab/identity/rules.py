"""Access rules of the gate: those that follow from the routes, and those the stack adds."""

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
"""Priorities by policy. The lowest decides first, so what is stricter is asked before what is
open; 65 to 79 are for rules about single paths, whatever their policy."""
PATHS = (65, 79)
STRICT, SHUT, PLAIN = 30, 31, 55
"""Priorities of the rules that follow from routes: second factors, the end of a group's rule, and
passwords. Of exempt paths there is no rule: the proxy does not ask about them, and a path that only
looks like one gets no other answer than the rest."""


def policy_of(config: IdentityConfig, routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Every rule, in the order in which the gate asks them."""
    derived = [rule for route in routes if route.auth == "forward" for rule in _of(route)]
    named = {r.name: r for r in routes}
    said = [
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
    # What the stack says comes before what we derive; a stable sort keeps the rest as it stands.
    return tuple(sorted([*said, *derived], key=lambda r: r.priority))


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
        # Whoever is in no group must not fall through to a rule that somebody adds below.
        yield Rule(route.names, "deny", (), (), route.source, SHUT, route.name)


def covers(first: Rule, second: Rule) -> bool:
    """Whether the first rule decides everything that the second is about."""
    return (
        set(second.domain) <= set(first.domain)
        and _covers_paths(first, second)
        and (not first.subjects or set(second.subjects) <= set(first.subjects) != set())
        and (not first.subjects or bool(second.subjects))
    )


def _covers_paths(first: Rule, second: Rule) -> bool:
    """Expressions are compared as text: what two of them match in common, nobody can tell."""
    if not first.said:
        return True
    return bool(second.said) and all(
        any(one == two or _is_below(two, one) for one in first.said) for two in second.said
    )


def _is_below(path: str, above: str) -> bool:
    root = above.removesuffix("/*")
    return root != above and (path == root or path.startswith(f"{root}/"))


def of_path(path: str, *, open_: bool) -> str:
    """A path as Authelia's expression, which is asked of the cleaned path and its query together.

    What asks for more is asked of every spelling that some app takes for the same, upper case and a
    slash at the end; what is open is written so.
    """
    root = path.removesuffix("/*")
    flag = "" if open_ else "(?i)"
    if root != path:
        return rf"{flag}^{_quoted(root)}([/?].*)?$"
    return rf"{flag}^{_quoted(root)}{'' if open_ else '/?'}(\?.*)?$"


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""Of an expression: an escape, a class of characters, any other character."""


def of_expression(said: str) -> str:
    """An expression of a path as one of path and query: no query makes it match, and none evades
    it.
    """
    return "".join(_of_path_alone(t) for t in _TOKEN.findall(said))


def _of_path_alone(token: str) -> str:
    if token == "$":
        return r"(\?.*)?$"
    if token == ".":
        return "[^?]"
    if token.startswith("[^"):
        # A bracket or a hyphen in the first place stands for itself.
        return "[^?" + ("\\" if token[2] in "]-" else "") + token[2:]
    return token


def asks_the_query(said: str) -> str:
    """A part of an expression that a question mark would match unseen, or that hides where the path
    ends; empty for none.
    """
    for token in _TOKEN.findall(said):
        if token.startswith("["):
            ranges = re.findall(r"([^\\])-([^\]\\])", token[1:-1].removeprefix("^"))
            wide = any(low <= "?" <= high for low, high in ranges)
            if wide or "[:" in token or re.search(r"\\[DSWPQ]", token):
                return str(token)
        elif re.fullmatch(r"\\[DSWPCQzB]", token):
            return str(token)
    return ""


def _quoted(text: str) -> str:
    # Not re.escape: Go's expressions refuse an escape before a letter or a blank.
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", text)
