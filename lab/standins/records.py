"""Records of a cloud stand-in in one JSON file, and the shapes of inputs."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from homelab.lab.errors import DamagedError
from homelab.lab.provider import UNKNOWN, Diff, Properties, Value

MADE_AT: Final = "2025-01-01T00:00:00Z"
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "text": str,
    "number": (int, float),
    "bool": bool,
    "list": list,
    "object": dict,
}


@dataclass(frozen=True)
class Shape:
    """The properties of one type: required, optional, and those that replace the resource."""

    required: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()

    def problems(self, inputs: Properties) -> list[str]:
        """Missing, unknown and mistyped properties, with the real provider's messages."""
        known = {**self.required, **self.optional}
        missing = [f"Missing required property '{n}'" for n in self.required if n not in inputs]
        found = []
        for name, value in sorted(inputs.items()):
            if name not in known:
                found.append(f"Unexpected property '{name}'")
            elif not _is(value, known[name]):
                found.append(f"'{name}' expected {known[name]}, got {type(value).__name__}")
        return missing + found

    def diff(self, old: Properties, new: Properties) -> Diff:
        """Top-level properties that differ. An unknown value counts as different."""
        changed = [
            n for n in sorted({*old, *new}) if old.get(n) != new.get(n) or unknown(new.get(n))
        ]
        return Diff(tuple(changed), tuple(n for n in changed if n in self.replaces))


def _is(value: Value, kind: str) -> bool:
    if value is UNKNOWN:
        return True
    wanted = _KINDS[kind]
    return isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool))


def unknown(value: Value) -> bool:
    """Whether any part of a value is unknown."""
    if isinstance(value, list):
        return any(unknown(v) for v in value)
    if isinstance(value, dict):
        return any(unknown(v) for v in value.values())
    return value is UNKNOWN


class Record(TypedDict):
    """One existing resource."""

    type: str
    props: dict[str, Value]


Stored = dict[str, Record]
"""Existing resources by id."""


class Records:
    """A JSON file that one thread changes at a time. It is replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @contextmanager
    def change(self) -> Iterator[Stored]:
        """The records. They are written when the block ends without an error."""
        with self._lock:
            stored = self.read()
            yield stored
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(stored, file, indent=1, sort_keys=True)
            new.replace(self._path)

    def read(self) -> Stored:
        """The current records."""
        try:
            stored: Stored = json.loads(self._path.read_text(encoding="utf-8"))
            # Every record has both keys; a list or a number has neither.
            for record in stored.values():
                _ = record["type"], record["props"].items()
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedError(self._path, type(error).__name__, self._path.parent) from error
        return stored


def items(value: Value, inside: str = "") -> list[Value]:
    """The items of a list, or of a list inside an object; none if there is no list."""
    if inside:
        value = value.get(inside) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def unknown_properties(value: Value, known: Iterable[str], where: str) -> Iterator[str]:
    """Properties of a nested object that the real provider does not know."""
    if isinstance(value, dict):
        yield from (f"Unexpected property '{n}' in {where}" for n in sorted({*value} - {*known}))
    elif value is not UNKNOWN and value is not None:
        yield f"{where} is not an object"


def hex_id(*parts: str) -> str:
    """32 hex digits, the same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def uuid_id(*parts: str) -> str:
    """A UUID, the same for the same parts."""
    return str(uuid.UUID(hex_id(*parts), version=4))
