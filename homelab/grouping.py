"""Group items by a key, and follow names that lead to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def grouped(items: Iterable[T], key: Callable[[T], str]) -> dict[str, tuple[T, ...]]:
    """Items by key, in their original order."""
    out: dict[str, list[T]] = {}
    for item in items:
        out.setdefault(key(item), []).append(item)
    return {k: tuple(v) for k, v in out.items()}


def leads_to(following: Mapping[str, Iterable[str]], start: str, end: str) -> bool:
    """Whether one name leads to another, directly or through others."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            pending += following.get(name, ())
    return False
