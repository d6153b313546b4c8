"""Which fields of the stack's models a stack says something of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from homelab.site.model import Site


def fields_said(value: object) -> Iterator[str]:
    """Every field that a typed value was given: `HostConfig.zram`."""
    if isinstance(value, BaseModel):
        for name in value.model_fields_set:
            yield f"{type(value).__name__}.{name}"
            yield from fields_said(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from fields_said(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from fields_said(inner)


def fields() -> frozenset[str]:
    """Every field of every model that a stack is made of."""
    return frozenset(f"{m.__name__}.{name}" for m in _models(Site) for name in m.model_fields)


def _models(
    model: type[BaseModel], seen: set[type[BaseModel]] | None = None
) -> set[type[BaseModel]]:
    seen = seen if seen is not None else set()
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for inner in _types(field.annotation):
                _models(inner, seen)
            for inner in _types(tuple(field.metadata)):
                _models(inner, seen)
    return seen


def _types(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in annotation if isinstance(annotation, tuple) else get_args(annotation):
        yield from _types(inner)
