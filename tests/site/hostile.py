"""Hostile values in every text field of a stack that sets every field.

A round puts one into each field at once, takes back those that are refused, and hands on what got
past every check: the value stands in what is rendered then. Each value has a mark of its own, by
which it is known again there.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic import BaseModel

from homelab.checks import run_checks
from homelab.config.base import Model
from homelab.config.document import Document
from homelab.config.load import load_stack_config, where
from homelab.config.lock import Lock
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.ops.project.stack import check_sources
from homelab.plaintext import unfit
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import InvalidStackError, Problem
from tests.site.observed import sources
from tests.site.payloads import CANARY, EMPTY, FORMS, MARKS, PAYLOADS, is_hostile
from tests.site.test_every_field import MODELS, Path, copied, fits, occurrences, plain, stack

ALL: tuple[type[Model], ...] = (*MODELS, StackConfig)
NAMED = {m.__name__: m for m in ALL}
DRAWS = 500
"""Values to try for the type of a field."""


@dataclass(frozen=True, eq=False)
class Place:
    """A text in a field of an object, or a text that the field could hold."""

    path: Path
    """Path of the object."""
    model: str
    field: str
    base: object
    """Value of the field."""
    at: Path
    """Path of the text inside the value."""
    is_key: bool
    was: str

    @property
    def whole(self) -> Path:
        """The field's path."""
        return (*self.path, self.field)

    def filled(self, text: str) -> object:
        """The field's value with another text at this place."""
        return _filled(self.base, self.at, text, is_key=self.is_key)


def _filled(value: object, at: Path, text: str, *, is_key: bool) -> object:
    """A value with another text at a path in it. What is beside the path is not copied."""
    if not at:
        return text
    first, rest = at[0], at[1:]
    if isinstance(value, Mapping):
        if is_key and not rest:
            return {**{k: v for k, v in value.items() if k != first}, text: value[first]}
        return {**value, first: _filled(value[first], rest, text, is_key=is_key)}
    assert isinstance(value, list)
    assert isinstance(first, int)
    inner = _filled(value[first], rest, text, is_key=is_key)
    return [*value[:first], inner, *value[first + 1 :]]


@dataclass(frozen=True)
class Put:
    """A hostile value at a place."""

    place: Place
    mark: str
    value: str

    @property
    def where(self) -> str:
        """The field's path, as in problems."""
        return where(self.place.whole)

    def is_meant(self, problem: Problem) -> bool:
        """Whether a problem is about this value: its place is in the field, or it quotes the
        value."""
        if self.mark in f"{problem.where} {problem.what} {problem.way_out}":
            return True
        rest = problem.where.removeprefix(self.where)
        return rest != problem.where and (not rest or rest[0] in ".[ ")


def reached(values: object, path: Path) -> object:
    """The value at a path of a stack config, or nothing if it is not set."""
    for part in path:
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values


NEW: tuple[tuple[object, Path, bool], ...] = (
    ("", (), False),
    ([""], (0,), False),
    ({"x": ""}, ("x",), False),
    ({"x": "y"}, ("x",), True),
    ({"x": [""]}, ("x", 0), False),
    ({"x": ["y"]}, ("x",), True),
)
"""The forms in which an unset field can contain a text."""


def _texts(said: object, at: Path = ()) -> Iterator[tuple[Path, bool, str]]:
    """Each text of a value: its path, whether it is a key, and the text."""
    if isinstance(said, str):
        yield at, False, said
    elif isinstance(said, Mapping):
        for key, inner in said.items():
            yield (*at, key), True, key
            yield from _texts(inner, (*at, key))
    elif isinstance(said, list):
        for index, inner in enumerate(said):
            yield from _texts(inner, (*at, index))


@cache
def places(variant: str) -> tuple[Place, ...]:
    """Every place of a text in the stack config whose type accepts a hostile value."""
    values = stack(variant)
    objects = [
        ((), "Site"),
        *((p, n) for n, at in occurrences().items() for v, p in at if v == variant),
    ]
    found: list[Place] = []
    for path, name in objects:
        here = reached(values, path)
        if name not in NAMED or not isinstance(here, Mapping):
            continue
        for field in NAMED[name].model_fields:
            said = here.get(field)
            texts = [t for t in _texts(said) if t[0]]
            if _has_models(name, field):
                # Fields below belong to another object.
                texts = [t for t in texts if t[1] and len(t[0]) == 1]
                new: list[Place] = []
            else:
                new = [Place(path, name, field, *n, "") for n in NEW]
            if isinstance(said, str):
                new[:1] = [Place(path, name, field, said, (), False, said)]
            found += [Place(path, name, field, said, *t) for t in texts] + new
    return tuple(p for p in found if next(_accepted(p), None) is not None)


@cache
def _has_models(model: str, field: str) -> bool:
    pending: list[object] = [NAMED[model].model_fields[field].annotation]
    while pending:
        here = plain(pending.pop())
        if isinstance(here, type) and issubclass(here, BaseModel):
            return True
        pending += get_args(here)
    return False


_Kind = tuple[str, str, bool, int, str]
_ACCEPTED: dict[_Kind, tuple[list[str], Iterator[str]]] = {}


def _accepted(place: Place) -> Iterator[str]:
    """Hostile values that the type of the field accepts at this place; tried as far as read."""
    kind = (place.model, place.field, place.is_key, len(place.at), place.was)
    if kind not in _ACCEPTED:
        drawn = _draws(repr(kind), place.was)
        _ACCEPTED[kind] = ([], (v for v in drawn if is_hostile(v) and _fits(place, v)))
    known, rest = _ACCEPTED[kind]
    yield from [*known]
    for value in rest:
        known.append(value)
        yield value


def _draws(seed: str, was: str) -> list[str]:
    chance = random.Random(seed)
    return sorted(
        {
            chance.choice(FORMS)
            .replace("{p}", chance.choice(PAYLOADS))
            .replace("{was}", was or chance.choice(EMPTY))
            for _ in range(DRAWS)
        }
    )


def _pool(place: Place) -> list[str]:
    """Every hostile value that the type of the field accepts at this place."""
    return [*_accepted(place)]


def _fits(place: Place, value: str) -> bool:
    if unfit(value):
        return False
    whole = place.filled(value)
    if place.is_key and len(place.at) == 1 and isinstance(whole, dict):
        # The entries beside it stay as they are, and validating all services takes long.
        whole = {value: whole[value]}
    return fits(NAMED[place.model], place.field, whole)


def round_of(variant: str, seed: random.Random) -> list[Put]:
    """One hostile value for each field. Values that pass the checks are chosen more often."""
    fields: dict[Path, list[Place]] = {}
    for place in places(variant):
        if seed.random() < _chance(variant, place):
            fields.setdefault(place.whole, []).append(place)
    puts = []
    for mark, here in zip(seed.sample(MARKS, len(fields)), fields.values(), strict=True):
        place = seed.choice(here)
        value = seed.choice(_pool(place)).replace(CANARY, mark)
        if _fits(place, value):
            puts.append(Put(place, mark, value))
    # A changed name also moves everything below it.
    gone = {(*p.place.whole, p.place.at[0]) for p in puts if p.place.is_key}
    return [
        p for p in puts if not any(p.place.path[:n] in gone for n in range(len(p.place.path) + 1))
    ]


_Known = tuple[object, ...]
_PAST: Counter[_Known] = Counter()
_REFUSED: Counter[_Known] = Counter()
"""How often values of a place, and of its field on whatever object, got past or not."""


def _chance(variant: str, place: Place) -> float:
    for known in _known(variant, place):
        if all_ := _PAST[known] + _REFUSED[known]:
            return max((_PAST[known] + 0.5) / (all_ + 0.5), 0.02)
    return 1


def _known(variant: str, place: Place) -> tuple[_Known, _Known]:
    return (
        (variant, place.whole, place.at, place.is_key),
        (place.model, place.field, place.is_key, len(place.at)),
    )


def _counted(counter: Counter[_Known], variant: str, puts: list[Put]) -> None:
    counter.update(known for p in puts for known in _known(variant, p.place))


def applied(variant: str, puts: list[Put]) -> dict[str, Value]:
    """The stack config with these values. Names are set last, because they move everything
    below."""
    values: dict[str, Value] = stack(variant)
    for put in sorted(puts, key=lambda p: (p.place.is_key, -len(p.place.path))):
        here = reached(values, put.place.path)
        assert isinstance(here, dict)
        if put.place.at and _has_models(put.place.model, put.place.field):
            below = here[put.place.field]
            below[put.value] = below.pop(put.place.at[0])
        else:
            here[put.place.field] = copied(put.place.filled(put.value))
    return values


def settled(variant: str, puts: list[Put]) -> tuple[list[Put], Plan] | None:
    """The values that pass every check together, and the plan with them."""
    good: list[Put] = []
    pending = [puts]
    while pending:
        here = pending.pop()
        # Beside those that are known to be good: two may only be wrong together.
        problems, plan = _refused(variant, [*good, *here])
        if plan is not None and not problems:
            good += here
            if not pending:
                _counted(_PAST, variant, good)
                return good, plan
            continue
        meant = {p.mark for p in here if any(p.is_meant(problem) for problem in problems)}
        if meant or len(here) == 1:
            _counted(_REFUSED, variant, [p for p in here if p.mark in meant or len(here) == 1])
            left = [p for p in here if p.mark not in meant and len(here) > 1]
            pending += [left] if left else []
        else:
            # The problem names another place than its cause.
            pending += [here[: len(here) // 2], here[len(here) // 2 :]]
    if not good:
        return None
    _counted(_PAST, variant, good)
    plan = _refused(variant, good)[1]
    return (good, plan) if plan is not None else None


def _refused(variant: str, puts: list[Put]) -> tuple[list[Problem], Plan | None]:
    """Problems of the loader or of the checks."""
    try:
        stack_config = load_stack_config(Document(applied(variant, puts)))
    except InvalidStackError as error:
        return list(error.problems), None
    plan = make_plan(stack_config, Lock())
    found = _new(variant, run_checks(plan))
    return found or _new(variant, check_sources(plan, sources(plan))), plan


def _new(variant: str, problems: Iterable[Problem]) -> list[Problem]:
    known = harmless(variant)
    return [p for p in problems if p.severity == "error" and (p.where, p.what) not in known]


@cache
def harmless(variant: str) -> frozenset[tuple[str, str]]:
    """Problems of the unchanged stack, which sets every field."""
    plan = make_plan(load_stack_config(Document(stack(variant))), Lock())
    problems = [*run_checks(plan), *check_sources(plan, sources(plan))]
    return frozenset((p.where, p.what) for p in problems if p.severity == "error")
