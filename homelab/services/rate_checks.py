"""Checks of rates by the time of day."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from homelab.check import check
from homelab.config.service_parts import RateWindow
from homelab.config.services import schedule_of
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.own import original_entry

_DAY = 24 * 60


@check("schedule-covers-day")
def schedule_covers_day(plan: Plan) -> Iterator[Problem]:
    """At a time without a window, or with two, nobody knows which rates apply."""
    for name, config in sorted(plan.stack.services.items()):
        windows = schedule_of(config)
        entry = original_entry(plan.stack, name, config) if windows else None
        if entry is None:
            continue
        where = f"services.{name}.schedule"
        if not entry.rates:
            yield Problem(where, f"homelab cannot set the rates of {entry.title}", "leave it out")
            continue
        counts = _counts(windows)
        for start, minutes in _runs(counts, lambda count: count == 0):
            yield Problem(
                where,
                f"no window covers {_time(start)} to {_time(start + minutes)} ({_length(minutes)})",
                f'add {{start: "{_time(start)}", end: "{_time(start + minutes)}"}}, or let '
                "another window end or start there",
            )
        for start, minutes in _runs(counts, lambda count: count > 1):
            yield Problem(
                where,
                f"two windows cover {_time(start)} to {_time(start + minutes)} "
                f"({_length(minutes)})",
                "let one end where the other starts",
            )


def _counts(windows: list[RateWindow]) -> list[int]:
    """The number of windows that cover each minute of the day."""
    counts = [0] * _DAY
    for window in windows:
        start, end = _minute(window.start), _minute(window.end)
        for minute in range(start, end if end > start else end + _DAY):
            counts[minute % _DAY] += 1
    return counts


def _runs(counts: list[int], is_wrong: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Each part of the day of which this is true: its first minute and its length. A part over
    midnight is one.
    """
    wrong = [is_wrong(count) for count in counts]
    if all(wrong):
        yield 0, _DAY
        return
    for start in range(_DAY):
        if wrong[start] and not wrong[start - 1]:
            length = 1
            while wrong[(start + length) % _DAY]:
                length += 1
            yield start, length


def _minute(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)


def _time(minute: int) -> str:
    return f"{minute % _DAY // 60:02}:{minute % 60:02}"


def _length(minutes: int) -> str:
    return f"{minutes} minute{'s' * (minutes > 1)}"
