"""Walk values of nested mappings and lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def scalars(value: object) -> Iterator[object]:
    """Every value that is neither a mapping nor a list, in order. Keys are left out."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from scalars(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from scalars(inner)
    else:
        yield value


def texts(value: object) -> Iterator[str]:
    """Every text among them."""
    yield from (found for found in scalars(value) if isinstance(found, str))
