"""What the plan writes on a host, below an option: the trees of its generated modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from homelab.nix.lines import joined
from homelab.nix.source import Computed, Value
from homelab.nix.values import After, Before, Nix, Pkg, unwrapped
from homelab.openings.model import View
from homelab.render import modules_of

Path = tuple[str, ...]


def written(view: View, path: Path) -> Iterator[Nix]:
    """The values at an option, one for each module that writes there. A computed part of the path
    is any name.
    """
    for module in modules_of(view.plan, view.host):
        for tree in (joined(module.derived), module.stated):
            yield from _at(tree, path)


def has_parts(view: View, path: Path) -> bool:
    """Whether the plan writes a set there, with something in it."""
    return any(isinstance(v, Mapping) and v for v in written(view, path))


def may_write(view: View, path: Path) -> bool:
    """Whether the plan writes something there, or an expression of Nix above it, which may."""
    for module in modules_of(view.plan, view.host):
        for tree in (joined(module.derived), module.stated):
            value: Nix = tree
            for part in path:
                value = unwrapped(value)
                if not isinstance(value, Mapping) or part not in value:
                    break
                value = value[part]
            else:
                if unwrapped(value) not in ({}, None):
                    return True
            if not isinstance(unwrapped(value), Mapping):
                return True
    return False


def has_derived(view: View, path: Path) -> bool:
    """Whether such a set follows from the stack config, with nothing that it states there."""
    found = [v for m in modules_of(view.plan, view.host) for v in _at(m.derived, path)]
    return any(isinstance(v, Mapping) and v for v in found)


def lost_items(view: View, path: Path, value: Value) -> bool:
    """Whether a list, or text that NixOS joins, has parts of the plan that the value lacks."""
    kept = value if isinstance(value, tuple) else (value,)
    for found in written(view, path):
        if isinstance(found, After | Before):
            return True
        inner = unwrapped(found)
        if _is_list(inner) and any(not _is_among(item, kept) for item in inner):
            return True
    return False


def _at(value: Nix, path: Path) -> Iterator[Nix]:
    if not path:
        yield value if isinstance(value, After | Before) else unwrapped(value)
        return
    plain = unwrapped(value)
    if not isinstance(plain, Mapping):
        return
    below = plain.values() if path[0] == "*" else [plain[path[0]]] if path[0] in plain else []
    for inner in below:
        yield from _at(inner, path[1:])


def _is_list(value: Nix) -> TypeGuard[list[Nix]]:
    return isinstance(value, list | tuple)


def _is_among(item: Nix, kept: tuple[Value, ...]) -> bool:
    names = (f"pkgs.{item.name}", item.name) if isinstance(item, Pkg) else ()
    return any(v.text in names if isinstance(v, Computed) else v == item for v in kept)
