"""Values at a place of a stack config that is not validated, such as one of the wrong shape."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from homelab.config.document import Path_
from homelab.config.scalar import Value

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def path_in(place: str) -> Path_:
    """The path of a place as text: `services.immich.routes[0].name`. The reverse of `where`."""
    return tuple(int(number) if number else word for word, number in _STEP.findall(place))


def existing_in(values: Mapping[str, Value], path: Path_) -> Path_:
    """The path, or the nearest existing place around it; empty if there is none."""
    for depth, part in enumerate(path):
        if not _has(value_at(values, path[:depth]), part):
            return path[:depth]
    return path


def _has(holder: object, part: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(part, int) and part < len(holder)
    return isinstance(holder, dict) and part in holder


def value_at(values: object, path: Path_) -> object:
    """The value at an existing path."""
    for part in path:
        values = values[part] if isinstance(values, (dict, list)) else None  # type: ignore[index]
    return values


def with_value(values: Mapping[str, Value], path: Path_, value: Value) -> dict[str, Value]:
    """The values with another one at an existing path; the others are the same objects."""
    changed: dict[str, Value] = dict(values)
    holder: object = changed
    for part in path[:-1]:
        inner = copy.copy(holder[part])  # type: ignore[index]
        holder[part] = inner  # type: ignore[index]
        holder = inner
    holder[path[-1]] = value  # type: ignore[index]
    return changed


def remove(values: Mapping[str, Value], path: Path_) -> str:
    """Remove the value at an existing path; returns its name, for an entry of a list the list's."""
    holder = value_at(values, path[:-1])
    if isinstance(holder, (dict, list)):
        del holder[path[-1]]  # type: ignore[arg-type]
    return str(next(part for part in reversed(path) if isinstance(part, str)))


def by_position(path: Path_) -> list[tuple[bool, int, str]]:
    """A key that sorts paths: the entries of a list by their number."""
    return [(isinstance(p, int), p if isinstance(p, int) else 0, str(p)) for p in path]
