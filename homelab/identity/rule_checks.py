"""Checks of access rules. The first matching rule decides, so their order matters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from homelab.check import check
from homelab.identity.checks import unknown_group
from homelab.identity.model import Rule
from homelab.identity.rules import BANDS, PATHS, asks_the_query, covers
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

STATED = "identity.rules["
"""Place of the rules that the stack config adds."""


@check("rule-route")
def rule_route(plan: Plan) -> Iterator[Problem]:
    """A rule about an unknown group, or a route without forward auth, has no effect."""
    identity = plan.stack.identity
    if identity is None:
        return
    protected = {r.name for r in plan.routes if r.auth == "forward"}
    for i, rule in enumerate(identity.rules):
        cause = _behind(plan, rule.route)
        if rule.route not in protected and cause is not None:
            yield Problem(
                f"identity.rules[{i}].route",
                f'there is no route "{rule.route}" with auth: forward',
                did_you_mean(rule.route, protected, "routes with auth: forward"),
                cause=cause,
            )
        for group in rule.groups:
            yield from unknown_group(group, identity.groups, f"identity.rules[{i}].groups")


def _behind(plan: Plan, route: str) -> str | None:
    """The cause of a missing route; None if its service runs on no host, which has a problem of its
    own.
    """
    for name, config in plan.stack.services.items():
        if route in (config.name or name, *(r.name for r in config.routes or ())):
            web = plan.instances(name) and not plan.routes_of(name)
            return None if plan.is_lost(name) else f"services.{name}.port" if web else ""
    return f"services.{route}"


@check("rule-text")
def rule_text(plan: Plan) -> Iterator[Problem]:
    """Authelia refuses an invalid rule, and a loose expression matches more than intended."""
    identity = plan.stack.identity
    for i, rule in enumerate(identity.rules if identity else ()):
        where = f"identity.rules[{i}]"
        if rule.policy == "bypass" and (rule.groups or rule.users):
            yield Problem(
                where,
                "bypass needs no sign-in, so it cannot be limited to groups or users",
                "leave them out, or write policy: one_factor with a priority of "
                f"{BANDS['one_factor'][0]} to {BANDS['one_factor'][1]}",
            )
        for pattern in rule.resources:
            if found := asks_the_query(pattern):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} has {found}, which also matches a query",
                    "list the characters, or remove it and write paths: [/admin/*]",
                )
            elif not _is_expression(pattern):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} is not a regular expression that Authelia accepts",
                    "write an RE2 expression, without look-around, or remove it and write paths: "
                    "[/admin/*]",
                )
            elif not pattern.startswith("^/"):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} also matches in the middle of a path, or in its query",
                    f"begin it with ^/, as {_from_the_start(pattern)}",
                )


def _from_the_start(pattern: str) -> str:
    return f"^/{pattern.removeprefix('^').removeprefix('/')}"


def _is_expression(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    # Syntax that Python supports and Go does not.
    return not re.search(r"\(\?(?![:P])|\\[1-9]|\(\?P[=>]|[*+?}]\+", pattern)


@check("rule-range")
def rule_range(plan: Plan) -> Iterator[Problem]:
    """Rules of one policy share a range of priorities, so that a long list stays readable."""
    identity = plan.stack.identity
    for i, rule in enumerate(identity.rules if identity else ()):
        low, high = BANDS[rule.policy]
        about_some = bool(rule.paths or rule.resources)
        about_paths = about_some and PATHS[0] <= rule.priority <= PATHS[1]
        if not low <= rule.priority <= high and not about_paths:
            yield Problem(
                f"identity.rules[{i}].priority",
                f"{rule.priority} is outside the priorities of {rule.policy}",
                f"write {low} to {high}"
                + (f", or {PATHS[0]} to {PATHS[1]} for single paths" if about_some else ""),
            )


@check("rule-shadowed")
def rule_shadowed(plan: Plan) -> Iterator[Problem]:
    """A rule after one that matches the same requests never applies.

    Rules derived from routes are not reported: the stack's own rules may override them.
    """
    rules = plan.identity.rules if plan.identity else ()
    for i, rule in enumerate(rules):
        if not rule.source.startswith(STATED):
            continue
        first = next((r for r in rules[:i] if covers(r, rule)), None)
        if first is not None:
            yield Problem(
                rule.source,
                f"{_text(rule)} never applies, because {_text(first)} ({first.source}) decides "
                "first",
                f"give it a priority below {first.priority}, or remove one of them",
            )


@check("rule-deny-pair")
def rule_deny_pair(plan: Plan) -> Iterator[Problem]:
    """People outside the groups of a two_factor rule are let in by a later, wider rule."""
    rules = plan.identity.rules if plan.identity else ()
    for i, rule in enumerate(rules):
        if rule.policy != "two_factor" or not rule.subjects:
            continue
        for later in rules[i + 1 :]:
            if not set(rule.domain) & set(later.domain):
                continue
            if later.policy == "deny" and covers(later, rule_for_all(rule)):
                break
            if later.policy in ("bypass", "one_factor", "two_factor") and not later.said:
                who = ", ".join(rule.subjects)
                yield Problem(
                    rule.source,
                    f"{_text(rule)} is for {who}, but {_text(later)} ({later.source}) lets in "
                    "everybody else",
                    f"add to identity.rules {{priority: …, route: {rule.route}, policy: deny}}, "
                    f"with a priority between {rule.priority} and {later.priority}",
                )
                break


def rule_for_all(rule: Rule) -> Rule:
    """The same rule for everybody."""
    return replace(rule, subjects=())


def _text(rule: Rule) -> str:
    paths = f" for {' '.join(rule.said)}" if rule.said else ""
    return f"{rule.policy} of {rule.route}{paths} at {rule.priority}"
