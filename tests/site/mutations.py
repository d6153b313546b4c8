"""Stack files with one thing wrong: a key that is missing or has no value, or one wrong name."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from homelab.config.document import Document
from homelab.config.scalar import Value
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import check_document
from homelab.problems import InvalidStackError, Problem, by_cause
from tests import build

Place = tuple[str, ...]
EXAMPLES = ("lan", "javiersc", "mynixos", "nori", "zakobar")


@dataclass(frozen=True)
class Shipped:
    """A stack of the repository that has no errors."""

    name: str
    directory: Path
    document: Document

    @classmethod
    def read(cls, name: str) -> Shipped:
        """The stack with this name, of `tests/shipped` or of `examples`."""
        directory = build.ROOT / "examples" / name if name in EXAMPLES else build.SHIPPED
        return cls(name, directory, read_stack_document(directory, name))

    def problems(self, values: Mapping[str, Value] | None = None) -> list[Problem]:
        """What people are told about the stack, with other values instead of its own."""
        document = replace(self.document, values=self.document.values if values is None else values)
        try:
            return by_cause(check_document(self.directory, self.name, document)[1])
        except InvalidStackError as error:
            return by_cause(error.problems)

    def new_problems(self, values: Mapping[str, Value], known: set[str]) -> list[Problem]:
        """As `problems`, without those that it has anyway, whatever they are joined with."""
        found = [q for p in self.problems(values) for q in parts(p)]
        return by_cause(q for q in found if line_of(q) not in known)


def parts(problem: Problem) -> list[Problem]:
    """The problem alone, and those that it stands for."""
    return [replace(problem, also=()), *problem.also]


def line_of(problem: Problem) -> str:
    """The problem without its line in the file."""
    return str(replace(problem, file="", line=0))


def places(values: object, depth: int = 3, at: Place = ()) -> Iterator[Place]:
    """Every key of nested mappings down to this depth."""
    if isinstance(values, Mapping) and depth:
        for key, inner in values.items():
            yield (*at, key)
            yield from places(inner, depth - 1, (*at, key))


def every_place(values: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of nested mappings, and every entry of lists."""
    inner = (
        values.items()
        if isinstance(values, Mapping)
        else enumerate(values)
        if isinstance(values, list)
        else ()
    )
    for key, value in inner:
        yield (*at, key)
        yield from every_place(value, (*at, key))


def at(values: object, place: Place) -> object:
    """The value at a place; None where there is none."""
    for key in place:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def without(values: Mapping[str, Value], place: Place) -> dict[str, Value]:
    """The values without one key."""
    changed, holder = _copied(values, place)
    del holder[place[-1]]
    return changed


def instead(values: Mapping[str, Value], place: Place, value: Value) -> dict[str, Value]:
    """The values with another one at a place."""
    changed, holder = _copied(values, place)
    holder[place[-1]] = value
    return changed


def put(
    values: Mapping[str, Value], place: tuple[str | int, ...], value: Value
) -> dict[str, Value]:
    """The values with another one at a place, which may be inside of a list."""
    changed: dict[str, Value] = copy.deepcopy(dict(values))
    holder: object = changed
    for key in place[:-1]:
        holder = holder[key]  # type: ignore[index]
    holder[place[-1]] = value  # type: ignore[index]
    return changed


def _copied(values: Mapping[str, Value], place: Place) -> tuple[dict[str, Value], dict[str, Value]]:
    changed: dict[str, Value] = copy.deepcopy(dict(values))
    holder = changed
    for key in place[:-1]:
        inner = holder.setdefault(key, {})
        assert isinstance(inner, dict)
        holder = inner
    return changed, holder
