"""One way to say and merge changes of a config: a dictionary of what differs."""

from __future__ import annotations

from collections.abc import Mapping

Changes = Mapping[str, object]
"""What differs from another config, by key, as deep as it differs. None takes a key away."""


def merged(*changes: Changes) -> dict[str, object]:
    """Changes on top of each other, later ones winning; mappings are merged and lists replaced.

    None stays in the result, so that it is a change itself. Nothing that was given is altered.
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
    """A config with changes applied, one after the other: as `merged`, and None takes away the key
    that is there. Inside a mapping that is new it stays, for null is a value of some fields.
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
