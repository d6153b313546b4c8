"""Every place in a message is a key of the stack config."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from homelab.config.base import Model
from homelab.config.stack import StackConfig
from tests import build
from tests.site.test_every_field import plain, stack
from tests.tools.walk import walk

_OTHER = {"Dump", "Key", "SecretFact"}
"""Fields named `source` that are no place of the stack config."""


def _places(value: Any, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _places(inner, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from _places(inner, seen)
    elif dataclasses.is_dataclass(value):
        kind = type(value).__name__
        named = {"origin"} if kind == "Secret" else set() if kind in _OTHER else {"source"}
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name in named and isinstance(inner, str):
                if inner:
                    yield inner
            else:
                yield from _places(inner, seen)


def _is_key(annotation: Any, parts: list[str | int]) -> bool:
    """Whether a path is a key of the stack config."""
    if not parts:
        return True
    first, *rest = parts
    here = plain(annotation)
    if isinstance(here, type) and issubclass(here, Model):
        field = here.model_fields.get(str(first))
        return field is not None and _is_key(field.annotation, rest)
    if get_origin(here) in (dict, list):
        return _is_key(get_args(here)[-1], rest)
    return any(_is_key(each, parts) for each in get_args(here))


def _parts(place: str) -> list[str | int]:
    words = re.sub(r"\[(\d+)\]", r".\1", place).split(".")
    return [int(w) if w.isdigit() else w for w in words]


PLAN = build.plan(stack("as it is"))


@walk("place", sorted(set(_places(PLAN, set()))))
def test_a_place_of_the_plan_is_a_key_of_the_stack_config(place: str) -> None:
    # A grant of the tailnet may be there for several.
    for one in place.split(", "):
        assert _is_key(StackConfig, _parts(one.partition(" ")[0])), place


@walk("service", PLAN.services)
def test_every_field_of_a_service_is_a_key_of_the_section_that_places_it(service: Any) -> None:
    for field in type(service.config).model_fields:
        assert _is_key(StackConfig, _parts(service.at(field)))
    assert _is_key(StackConfig, _parts(service.host_at))


def test_a_path_that_is_not_a_key_is_found() -> None:
    assert issubclass(StackConfig, Model)
    for place in ("identity.backup", "services.immich.backpu", "hosts.pi.host", "nowhere"):
        assert not _is_key(StackConfig, _parts(place)), place
