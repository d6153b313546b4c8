"""Tinker mode begins and ends on days: checks that need the date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem

TINKER_EXPIRED = file_check(
    "tinker-expired",
    "error",
    "Tinker mode is for a few days; a host that stays open is forgotten.",
)


def check_tinker(plan: Plan, today: str) -> Iterator[Problem]:
    """A warning with the days left; an error after the last day and before the first."""
    tinker = plan.stack.policy.tinker
    if tinker is None:
        return
    hosts = ", ".join(sorted(tinker.hosts))
    if today < tinker.enabled_at:
        yield Problem(
            "policy.tinker.enabled_at",
            f"tinker mode begins on {tinker.enabled_at}, and today is {today}",
            "write today, or add tinker on that day",
            check=TINKER_EXPIRED,
        )
    elif today > tinker.last_day:
        yield Problem(
            "policy.tinker",
            f"tinker mode of {hosts} ended on {tinker.last_day}",
            "remove tinker",
            check=TINKER_EXPIRED,
        )
    else:
        left = (date.fromisoformat(tinker.end) - date.fromisoformat(today)).days
        yield Problem(
            "policy.tinker",
            f"{hosts}: every port is open to the LAN and sudo asks for no password until "
            f"{tinker.last_day}, {left} day{'s' if left != 1 else ''} with today",
            "remove tinker to end it earlier",
            check=TINKER_EXPIRED,
            severity="warning",
        )
