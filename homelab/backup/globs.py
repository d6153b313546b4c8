"""Whether an exclude pattern of restic excludes a path.

Source: restic's filter package. Patterns match part by part. A pattern that matches a directory
excludes everything below it. `**` matches any number of parts.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

_ANY = None
"""Matches any name."""


def leaves_out(pattern: str, path: str) -> bool:
    """Whether a pattern excludes a path, a directory above it, or everything in it."""
    parts, names = _parts(pattern), _parts(path)
    above = any(_matches(parts, names[:end]) for end in range(1, len(names) + 1))
    return above or _matches(parts, [*names, _ANY])


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _matches(pattern: Sequence[str], names: Sequence[str | None]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(pattern[1:], names[start:]) for start in range(len(names) + 1))
    return bool(names) and _one(pattern[0], names[0]) and _matches(pattern[1:], names[1:])


def _one(pattern: str, name: str | None) -> bool:
    if name is _ANY:
        return pattern.strip("*") in ("", "?")
    return fnmatch.fnmatchcase(name, pattern.replace("[^", "[!"))
