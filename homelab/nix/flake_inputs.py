"""The inputs that a hand-written `flake.nix` declares, read as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

from homelab.nix.flake import Json, originals
from homelab.nix.source import Computed, Value, read_nix
from homelab.nix.values import Attrs, Nix

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")


class FlakeInputsError(ValueError):
    """A declaration that cannot be carried over: the input, and what is wrong with it."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"its input {name} {what}")


def declared_inputs(flake: str, lock: str) -> dict[str, Attrs]:
    """The declarations of a flake's inputs, by name: URL, follows and so on, as written.

    Inputs that only the lock has, because the flake just names them as arguments, come from the
    registry. Raises FlakeInputsError for one that Nix would not take either, or that is a path in
    the flake.
    """
    out: dict[str, Attrs] = {}
    for setting in read_nix(flake).settings:
        if setting.path[0] == "inputs" and len(setting.path) > 1:
            name = setting.path[1]
            _put(out.setdefault(name, {}), setting.path[2:], _plain(name, setting.value))
    for name, original in originals(lock).items():
        if not out.get(name) and (registered := _from_registry(original)):
            out[name] = registered
    for name, declaration in out.items():
        if not _NAME.fullmatch(name):
            raise FlakeInputsError(repr(name), "has a name that homelab cannot carry over")
        for url in _urls(declaration):
            if url.removeprefix("path:").startswith("."):
                raise FlakeInputsError(name, f"is the directory {url} of the flake itself")
    return dict(sorted(out.items()))


def renamed_follows(declaration: Mapping[str, Nix], end: str) -> Attrs:
    """A declaration whose inputs follow those with a suffix."""
    out: Attrs = {}
    for key, value in declaration.items():
        if isinstance(value, Mapping):
            out[key] = renamed_follows(value, end)
        elif key == "follows" and isinstance(value, str) and value:
            first, *rest = value.split("/")
            out[key] = "/".join([f"{first}{end}", *rest])
        else:
            out[key] = value
    return out


def _put(holder: Attrs, path: tuple[str, ...], value: Nix) -> None:
    if not path:
        holder.update(cast("Attrs", value) if isinstance(value, Mapping) else {"url": value})
        return
    for step in path[:-1]:
        holder = cast("Attrs", holder.setdefault(step, {}))
    holder[path[-1]] = value


def _plain(name: str, value: Value) -> Nix:
    if isinstance(value, Computed) or value is None or isinstance(value, tuple | float):
        raise FlakeInputsError(name, "is computed, and Nix takes only texts there")
    return cast("Nix", dict(value) if isinstance(value, Mapping) else value)


def _from_registry(original: Mapping[str, Json]) -> Attrs:
    if original.get("type") != "indirect":
        return {}
    parts = [str(original[k]) for k in ("id", "ref", "rev") if k in original]
    return {"url": f"flake:{'/'.join(parts)}"}


def _urls(declaration: Mapping[str, Nix]) -> Iterator[str]:
    for key, value in declaration.items():
        if key in ("url", "path") and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _urls(value)
