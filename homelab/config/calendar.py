"""Calendar expressions of systemd. Source: systemd.time(7), and `systemd-analyze calendar`."""

from __future__ import annotations

import re
from calendar import monthrange, weekday
from functools import cache

_WORDS = (
    *("minutely", "hourly", "daily", "monthly", "weekly", "yearly", "annually", "quarterly"),
    *("biannually", "bi-annually", "semiannually", "semi-annually", "anually"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBER = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")
_PART = r"(\d+(?:\.\d+)?)"
_SECONDS = re.compile(rf"{_PART}(?:\.\.{_PART})?(?:/{_PART})?")
_YEARS, _MONTHS, _MONTH_DAYS = (0, 2199), (1, 12), (1, 31)
_FIRST_YEAR = 1970
"""The first year of systemd, which reads 70 to 99 as 1970 to 1999 and 0 to 69 as 2000 to 2069."""
_HOURS, _SIXTY = (0, 23), (0, 59)


def is_calendar(text: str) -> bool:
    """Whether a text is a calendar expression of systemd."""
    words = text.split(" ")
    if not all(words):
        return False
    if zone_of(text):
        words = words[:-1]
    if len(words) == 1 and words[0].lower() in _WORDS:
        return True
    if words and _are_days(words[0]):
        words = words[1:]
        if not words:
            return True
    if words and ":" not in words[0] and _is_date(words[0]):
        words = words[1:]
        if not words:
            return True
    return len(words) == 1 and _is_time(words[0])


@cache
def missing_day(text: str) -> str:
    """The day of a calendar expression that no year has: `*-02-30`, `Mon 2027-01-01`. systemd
    accepts it, and the timer never elapses. Empty if there is such a day, past or to come.
    """
    words = [w for w in text.split(" ") if ":" not in w and w != zone_of(text)]
    date = words[-1] if words else ""
    # A day that is counted from the end is one that every month has.
    if "~" in date or not _is_date(date):
        return ""
    parts = date.split("-")
    years = _numbers("*" if len(parts) == 2 else parts[0], (_FIRST_YEAR, _YEARS[1]), years=True)
    months, days = (
        _numbers(part, limits)
        for part, limits in zip(parts[-2:], (_MONTHS, _MONTH_DAYS), strict=True)
    )
    week = _week(words[0]) if len(words) > 1 else frozenset(range(7))
    exists = any(
        day <= monthrange(year, month)[1] and weekday(year, month, day) in week
        for year in years
        for month in months
        for day in days
    )
    return "" if exists else " ".join(words)


def _numbers(text: str, limits: tuple[int, int], *, years: bool = False) -> list[int]:
    """Every number of a component that `_is_component` accepts."""
    low, high = limits
    found: set[int] = set()
    for item in text.replace("*", f"{low}..{high}").split(","):
        first, last, step = (int(n) if n else None for n in _parts(item))
        start, stop = (_year(n) if years and n is not None else n for n in (first, last))
        if start is not None:
            end = stop if stop is not None else high if step else start
            found |= {*range(start, end + 1, step or 1)}
    return sorted(n for n in found if low <= n <= high)


def _parts(item: str) -> tuple[str | None, ...]:
    matched = _NUMBER.fullmatch(item)
    return matched.groups() if matched is not None else ()


def _year(number: int) -> int:
    if number < _FIRST_YEAR % 100:
        return number + 2000
    return number + 1900 if number < 100 else number


def _week(word: str) -> frozenset[int]:
    """The days of the week of a word that `_are_days` accepts."""
    found: set[int] = set()
    for item in word.lower().removesuffix(",").split(","):
        days = [_day(part) for part in re.split(r"\.\.|-", item)]
        found |= {*range(days[0], days[-1] + 1)}
    return frozenset(found)


_ZONE = re.compile(r"[A-Z]{3,5}|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){1,2}")


def zone_of(text: str) -> str:
    """The time zone at the end of an expression. Empty for the time zone of the host."""
    rest, _, last = text.rpartition(" ")
    return last if rest and _ZONE.fullmatch(last) else ""


def _are_days(word: str) -> bool:
    """`Mon`, `Mon..Fri`, `sat,sun`. A range follows the order of the week."""
    for item in word.lower().removesuffix(",").split(","):
        days = [_day(part) for part in re.split(r"\.\.|-", item)]
        if len(days) > 2 or -1 in days or days != sorted(days):
            return False
    return True


def _day(word: str) -> int:
    return next((i for i, day in enumerate(_DAYS) if word in (day, day[:3])), -1)


def _is_date(word: str) -> bool:
    """`*-*-01`, `2030-1-1`, `01-01`, and `*-02~03`, which counts days from the end."""
    head, tilde, last = word.rpartition("~")
    parts = [*head.split("-"), last] if tilde else word.split("-")
    if len(parts) not in (2, 3):
        return False
    # From the end, systemd accepts only days that every month has.
    days = (1, 28) if tilde else _MONTH_DAYS
    limits = (_YEARS, _MONTHS, days)[-len(parts) :]
    return all(_is_component(p, limit) for p, limit in zip(parts, limits, strict=True))


def _is_time(word: str) -> bool:
    parts = word.split(":")
    if len(parts) not in (2, 3):
        return False
    limits = (_HOURS, _SIXTY, _SIXTY)
    return all(
        _is_component(p, limit, seconds=i == 2)
        for i, (p, limit) in enumerate(zip(parts, limits, strict=False))
    )


def _is_component(text: str, limits: tuple[int, int], *, seconds: bool = False) -> bool:
    """`*`, `1`, `1..5`, `0/15`, and lists of them."""
    if text == "*":
        return True
    low, high = limits
    for item in text.split(","):
        found = (_SECONDS if seconds else _NUMBER).fullmatch(item)
        if found is None:
            return False
        first, last, step = (float(n) if n is not None else None for n in found.groups())
        if first is None or not low <= first <= high + (0.999999 if seconds else 0):
            return False
        if last is not None and not first <= last <= high + (0.999999 if seconds else 0):
            return False
        if step == 0:
            return False
    return True
