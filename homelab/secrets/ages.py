"""How old a stored secret is, and the check of its limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.secrets.inventory import Row, inventory

SECRET_AGE = file_check(
    "secret-age",
    "warning",
    "A secret that never changes stays valid for everybody who has ever seen it.",
)
NOTICE = 14
"""Days before the limit from which on the check warns."""


def check_ages(plan: Plan, sources: Mapping[str, str | bytes], today: str) -> Iterator[Problem]:
    """Stored secrets that are older than their limit, or will be soon, on this day."""
    rows: dict[str, list[Row]] = {}
    for row in inventory(plan, sources):
        if row.limit is not None and row.changed:
            rows.setdefault(row.key, []).append(row)
    for key, found in sorted(rows.items()):
        oldest = min(found, key=lambda r: r.changed)
        limit = oldest.limit or 0
        age = age_of(oldest, today)
        if age + NOTICE <= limit:
            continue
        units = sorted({f"{u} on {r.host}" for r in found for u in r.units})
        after = f", which restarts {', '.join(units)}" if units else ""
        yield Problem(
            f"secrets.stored.{key}.limit",
            f"{key} in {oldest.file} is {age} days old, and its limit is {limit} days"
            if age > limit
            else f"{key} in {oldest.file} reaches its limit of {limit} days in {limit - age} days",
            f"replace it: homelab secret rotate {key}, then pulumi up{after}; or raise the limit",
            SECRET_AGE,
            "warning",
        )


def age_of(row: Row, today: str) -> int:
    """Days since the value changed, or at least since then; 0 if it changed after this day."""
    return max(0, (date.fromisoformat(today) - date.fromisoformat(row.changed)).days)
