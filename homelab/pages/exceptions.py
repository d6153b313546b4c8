"""Every reason that the stack config states for a decision against a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from homelab.config.base import Reason

_MARK = get_args(Reason)[1:]


def exceptions(model: BaseModel) -> list[tuple[str, str]]:
    """(place, reason) in the order of the stack config."""
    return [*_within(model, "")]


def _within(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        reasons = _reasons(type(value))
        for name in type(value).model_fields:
            inner, at = getattr(value, name), f"{place}.{name}".lstrip(".")
            if name in reasons and isinstance(inner, str):
                yield at, inner
            else:
                yield from _within(inner, at)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _within(inner, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _within(inner, f"{place}[{number}]")


@cache
def _reasons(model: type[BaseModel]) -> frozenset[str]:
    """Fields of a model that hold a reason."""
    return frozenset(n for n, f in model.model_fields.items() if _is_reason(f))


def _is_reason(field: FieldInfo) -> bool:
    return _marked(field.metadata) or _holds(field.annotation)


def _holds(annotation: object) -> bool:
    if get_origin(annotation) is Annotated:
        base, *metadata = get_args(annotation)
        return _marked(metadata) or _holds(base)
    return any(_holds(inner) for inner in get_args(annotation))


def _marked(metadata: list[object]) -> bool:
    return all(any(m is mark for m in metadata) for mark in _MARK)
