"""Checks of access rules: the first that matches decides, so their order is what they mean."""

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

SAID = "identity.rules["
"""Where the rules stand that the stack adds."""


@check("rule-route", rows="S1-08")
def rule_route(plan: Plan) -> Iterator[Problem]:
    """A rule is about a route that the gate is asked about, and groups that exist."""
    identity = plan.stack.identity
    if identity is None:
        return
    protected = {r.name for r in plan.routes if r.auth == "forward"}
    for i, rule in enumerate(identity.rules):
        if rule.route not in protected:
            yield Problem(
                f"identity.rules[{i}].route",
                f'the gate is asked about no route "{rule.route}"',
                did_you_mean(rule.route, protected, "gated routes"),
            )
        for group in rule.groups:
            yield from unknown_group(group, identity.groups, f"identity.rules[{i}].groups")


@check("rule-text", rows="S1-08")
def rule_text(plan: Plan) -> Iterator[Problem]:
    """A rule is one that Authelia starts with, and opens what it says and nothing beside it."""
    identity = plan.stack.identity
    for i, rule in enumerate(identity.rules if identity else ()):
        where = f"identity.rules[{i}]"
        if rule.policy == "bypass" and (rule.groups or rule.users):
            yield Problem(
                where,
                "bypass asks nobody who they are, so it cannot be for groups or users",
                "leave them out, or write policy: one_factor with a priority of "
                f"{BANDS['one_factor'][0]} to {BANDS['one_factor'][1]}",
            )
        for pattern in rule.resources:
            if found := asks_the_query(pattern):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} has {found}, which a query would match",
                    "name the characters, or drop it and write paths: [/admin/*]",
                )
            elif not _is_expression(pattern):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} is no regular expression that Authelia takes",
                    "write one as RE2 has them, without look-around, or drop it and write paths: "
                    "[/admin/*]",
                )
            elif not pattern.startswith("^/"):
                yield Problem(
                    f"{where}.resources",
                    f"{pattern} would also match further inside a path, or in its query",
                    f"begin it with ^/, as {_from_the_start(pattern)}",
                )


def _from_the_start(pattern: str) -> str:
    return f"^/{pattern.removeprefix('^').removeprefix('/')}"


def _is_expression(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    # What Python's expressions have and Go's lack.
    return not re.search(r"\(\?(?![:P])|\\[1-9]|\(\?P[=>]|[*+?}]\+", pattern)


@check("rule-range", rows="S1-08")
def rule_range(plan: Plan) -> Iterator[Problem]:
    """A priority says what kind of rule it is, so that a list of fifty can be read."""
    identity = plan.stack.identity
    for i, rule in enumerate(identity.rules if identity else ()):
        low, high = BANDS[rule.policy]
        about_some = bool(rule.paths or rule.resources)
        about_paths = about_some and PATHS[0] <= rule.priority <= PATHS[1]
        if not low <= rule.priority <= high and not about_paths:
            yield Problem(
                f"identity.rules[{i}].priority",
                f"{rule.priority} is no place for {rule.policy}",
                f"{low} to {high}"
                + (f", or {PATHS[0]} to {PATHS[1]} for single paths" if about_some else ""),
            )


@check("rule-shadowed", rows="S1-08")
def rule_shadowed(plan: Plan) -> Iterator[Problem]:
    """A rule that an earlier one has decided already is never asked.

    One that follows from a route may be: the stack's own rules are there to say more than it.
    """
    rules = plan.identity.rules if plan.identity else ()
    for i, rule in enumerate(rules):
        first = next((r for r in rules[:i] if covers(r, rule)), None)
        if first is not None and rule.source.startswith(SAID):
            yield Problem(
                rule.source,
                f"{_said(rule)} is never asked, for {_said(first)} ({first.source}) decides first",
                f"give it a priority below {first.priority}, or take one of them away",
            )


@check("rule-deny-pair", rows="S1-08")
def rule_deny_pair(plan: Plan) -> Iterator[Problem]:
    """Who is in none of a strict rule's groups must not fall through to one that lets them in."""
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
                    f"{_said(rule)} is for {who}, and {_said(later)} ({later.source}) lets in "
                    "everybody else",
                    f"add to identity.rules {{priority: …, route: {rule.route}, policy: deny}}, "
                    f"with a priority between {rule.priority} and {later.priority}",
                )
                break


def rule_for_all(rule: Rule) -> Rule:
    """The same rule about everybody."""
    return replace(rule, subjects=())


def _said(rule: Rule) -> str:
    paths = f" for {' '.join(rule.said)}" if rule.said else ""
    return f"{rule.policy} of {rule.route}{paths} at {rule.priority}"
