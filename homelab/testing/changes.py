"""Changes of a config as nested dictionaries, and functions that merge them."""

from __future__ import annotations

from collections.abc import Mapping

Changes = Mapping[str, object]
"""A nested dictionary of changed keys. None removes a key."""


def merged(*changes: Changes) -> dict[str, object]:
    """Merge changes. Later changes win, mappings are merged and lists are replaced.

    None stays in the result, so the result is also a change. Arguments are not modified.
    """
    out: dict[str, object] = {}
    for change in changes:
        for key, value in change.items():
            if isinstance(value, Mapping):
                mine = out.get(key)
                out[key] = merged(mine, value) if isinstance(mine, Mapping) else merged(value)
            else:
                out[key] = _copied(value)
    return out


def changed(base: Changes, *changes: Changes) -> dict[str, object]:
    """Apply changes to a config in order, like `merged`. None removes an existing key. Inside a new
    mapping None stays, because null is a value of some fields.
    """
    out = merged(base)
    for change in changes:
        out = _applied(out, change)
    return out


def _applied(base: dict[str, object], change: Changes) -> dict[str, object]:
    for key, value in change.items():
        mine = base.get(key)
        if value is None and key in base:
            del base[key]
        elif isinstance(value, Mapping) and isinstance(mine, dict):
            base[key] = _applied(mine, value)
        elif value is not None:
            base[key] = _copied(value)
    return base


def _copied(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
