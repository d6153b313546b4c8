"""Walk values of nested mappings and lists."""

from __future__ import annotations

from collections.abc import Mapping

# A dict is recognized sooner than any other mapping.
_MAPPINGS = (dict, Mapping)
_LISTS = (list, tuple)


def scalars(value: object) -> list[object]:
    """Every value that is neither a mapping nor a list, in order. Keys are left out."""
    found: list[object] = []
    _collect(value, found)
    return found


def _collect(value: object, found: list[object]) -> None:
    if isinstance(value, str) or value is None:
        found.append(value)
    elif isinstance(value, _LISTS):
        for inner in value:
            _collect(inner, found)
    elif isinstance(value, _MAPPINGS):
        for inner in value.values():
            _collect(inner, found)
    else:
        found.append(value)


def texts(value: object) -> list[str]:
    """Every text among them."""
    return [found for found in scalars(value) if isinstance(found, str)]
