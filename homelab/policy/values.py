"""Tests of values, for the rules of the security baseline."""

from __future__ import annotations

from homelab.nix.source import Value
from homelab.policy.rules import Test


def is_exactly(wanted: Value) -> Test:
    """The value is this one: `true` is not 1."""
    return lambda value: value == wanted and type(value) is type(wanted)


def between(least: int, most: int) -> Test:
    """The value is a number in this range, or its text."""
    return lambda value: (number := _number(value)) is not None and least <= number <= most


def _number(value: Value) -> int | None:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def items(value: Value) -> tuple[Value, ...]:
    """The items of a list; none of any other value."""
    return value if isinstance(value, tuple) else ()
