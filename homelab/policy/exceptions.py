"""Apply the exceptions of `policy.disable` to problems, and report those that have ended."""

from __future__ import annotations

from collections.abc import Iterable

from homelab.check import file_check
from homelab.checks import every_rule
from homelab.config.policy import Disable
from homelab.plan import Plan
from homelab.policy.baseline import BASELINE
from homelab.problems import Problem

POLICY_EXCEPTION = file_check(
    "policy-exception",
    "warning",
    "An exception that nobody sees would stay.",
)
POLICY_ENDED = file_check(
    "policy-ended",
    "error",
    "An exception lasts until its last day, so that somebody decides again.",
)
POLICY_UNUSED = file_check(
    "policy-unused",
    "warning",
    "An exception that nothing needs would hide a later problem.",
)
TEXT_READERS = frozenset(
    (
        "flake-path",
        "forbidden-patterns",
        "open-firewall-ban",
        "option-calendar",
        "option-known",
        "option-opens",
    )
)
"""Checks that read the text of options and modules, and may be wrong about it."""
OURS = frozenset((POLICY_ENDED, POLICY_EXCEPTION, POLICY_UNUSED, "policy-known", "tinker-expired"))
"""Checks of the exceptions themselves."""


def excepted(plan: Plan, problems: Iterable[Problem], today: str) -> list[Problem]:
    """The problems without those that an exception covers today, with a warning for each exception.

    An exception that has ended covers nothing, and is an error.
    """
    rest, out = list(problems), []
    for index, one in enumerate(plan.stack.policy.disable):
        place = f"policy.disable[{index}]"
        if one.id not in disableable():
            continue
        if one.until < today:
            out.append(_ended(place, one))
            continue
        covered = [p for p in rest if _covers(plan, one, p)]
        rest = [p for p in rest if p not in covered]
        if one.id in BASELINE_IDS or covered:
            out.append(_listed(place, one, covered))
        else:
            out.append(
                Problem(
                    place,
                    f"{one.id} has no problem here that it would cover",
                    "remove the exception",
                    check=POLICY_UNUSED,
                    severity="warning",
                )
            )
    return sorted([*rest, *out])


def disableable() -> frozenset[str]:
    """Every id that an exception may name."""
    warnings = {rule.id for rule in every_rule() if rule.severity == "warning"}
    return frozenset(BASELINE_IDS | TEXT_READERS | warnings - OURS)


BASELINE_IDS = frozenset(rule.id for rule in BASELINE)


def _ended(place: str, one: Disable) -> Problem:
    return Problem(
        place,
        f"the exception from {one.id} ended on {one.until} ({one.reason})",
        "fix what it covered and remove it, or decide again and write a later until",
        check=POLICY_ENDED,
    )


def _listed(place: str, one: Disable, covered: list[Problem]) -> Problem:
    hosts = f" on {', '.join(sorted(one.hosts))}" if one.hosts else ""
    places = sorted({p.where for p in covered})
    what = f", at {', '.join(places)}" if places else ""
    return Problem(
        place,
        f"{one.id} does not apply{hosts} until {one.until}{what} ({one.reason})",
        "remove the exception when its reason is gone",
        check=POLICY_EXCEPTION,
        severity="warning",
    )


def _covers(plan: Plan, one: Disable, problem: Problem) -> bool:
    if problem.check != one.id:
        return False
    return not one.hosts or bool(set(one.hosts) & _hosts_of(plan, problem.where))


def _hosts_of(plan: Plan, where: str) -> set[str]:
    """The hosts that a place in the stack config is about: a host, or those of a service."""
    section, _, rest = where.partition(".")
    name = rest.split(".")[0].split("[")[0]
    if section == "hosts":
        return {name}
    return {s.host for s in plan.instances(name)} if section == "services" else set()
