"""Tests without Nix that every option that homelab sets exists and accepts its value.

Reads the option data of nixpkgs (a list of `{Name, Type, …}`, gzipped JSON) from
`$HOMELAB_OPTION_DATA`, or from a directory beside the clone.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from homelab.nix import Module, Nix
from homelab.nix.lines import is_decided
from tests.tools.newer_options import KNOWN_FLAKES, NEWER, OUTSIDE
from tests.tools.nixtypes import fits, is_free, is_opaque, plain

_ROOT = Path(__file__).resolve().parents[2]
_BESIDE = "*/reference/data/nixos-options.json.gz"
"""Possible paths, relative to the clone's parent directory."""
NO_OPTION = "is no option"
LINES = re.compile(r"(null or )?strings concatenated with .*")
_ANY = ("_name_", "_")
"""Placeholders in the data: any name, and an item of a list."""


@dataclass
class Node:
    """One segment of the tree of options."""

    type: str | None = None
    """The option's type; None for a segment above options."""
    below: dict[str, Node] = field(default_factory=dict)

    def child(self, key: str) -> Node | None:
        """The node below a key. A literal name precedes a placeholder."""
        found = self.below.get(key)
        for name in _ANY:
            found = found or self.below.get(name)
        return found


def data_file() -> Path:
    """The path of the option data."""
    if said := os.environ.get("HOMELAB_OPTION_DATA"):
        return Path(said)
    return min(_ROOT.parent.glob(_BESIDE), default=_ROOT / "nixos-options.json.gz")


def require_options() -> Node:
    """The tree of options. Without data, the test is skipped, or fails in CI."""
    file = data_file()
    if not file.exists():
        reason = f"no option data at {file}; set HOMELAB_OPTION_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return _load(file)


@cache
def _load(file: Path) -> Node:
    more = {path: option.type for path, option in {**NEWER, **OUTSIDE}.items()}
    return tree(listed(file) | more)


def listed(file: Path) -> dict[str, str]:
    """Type by option path, as the data has them."""
    with gzip.open(file, "rt", encoding="utf-8") as text:
        return {o["Name"]: o.get("Type") or "" for o in json.load(text)}


def tree(types: Mapping[str, str]) -> Node:
    """Options by path, as a tree."""
    root = Node()
    for path, type_ in types.items():
        node = root
        for key in path.split("."):
            node = node.below.setdefault(key, Node())
        node.type = type_
    return root


def check_module(module: Module, options: Node | None = None) -> list[str]:
    """Problems with the options of a module, one line each.

    Unknown options are ignored in a module that uses a flake of the owner, because the flake may
    define them.
    """
    root = options or require_options()
    bodies = [module.derived, module.stated]
    if module.library is not None:
        # Options of ours: tests/nix/test_libraries.py has the library itself read them.
        bodies = [{k: v for k, v in body.items() if k != "homelab"} for body in bodies]
    found = [p for body in bodies for p in check_tree(body, root)]
    found += [
        f"{_name(path)} takes lines, and homelab/nix/lines.py does not say whether ours join"
        for path in lines_of(module.derived, root)
        if not is_decided(path)
    ]
    if any(flake not in KNOWN_FLAKES for flake, _ in module.flakes):
        found = [p for p in found if not p.endswith(NO_OPTION)]
    return [f"{module.file}: {problem}" for problem in found]


def check_tree(body: Mapping[str, Nix], root: Node) -> Iterator[str]:
    """Problems with a set of options."""
    yield from _check(body, root, (), None)


def lines_of(value: Nix, node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The options of type `lines` that are set here. NixOS joins their definitions."""
    value = plain(value)
    if node.type is not None and LINES.fullmatch(node.type):
        if not isinstance(value, Mapping):
            yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            child = node.child(key)
            if child is not None:
                yield from lines_of(inner, child, (*path, key))


@dataclass(frozen=True)
class _Free:
    """A parent option with a freeform type."""

    path: tuple[str, ...]
    type: str


def _check(value: Nix, node: Node, path: tuple[str, ...], free: _Free | None) -> Iterator[str]:
    value = plain(value)
    if is_opaque(value):
        return
    keyed = set(node.below) != {"_"} if node.below else node.type is None
    if isinstance(value, Mapping) and keyed:
        yield from _check_set(value, node, path, free)
    elif isinstance(value, list | tuple) and "_" in node.below:
        for i, item in enumerate(value):
            yield from _check(item, node.below["_"], (*path, str(i)), None)
    elif node.type is None:
        yield f"{_name(path)} {NO_OPTION}"
    elif not fits(node.type, value):
        yield f"{_name(path)} takes {node.type}, not {_shown(value)}"


def _check_set(
    value: Mapping[str, Nix], node: Node, path: tuple[str, ...], free: _Free | None
) -> Iterator[str]:
    if node.type is not None:
        free = _Free(path, node.type) if is_free(node.type) else None
    for key, inner in value.items():
        here = (*path, key)
        child = node.child(key)
        if child is not None:
            yield from _check(inner, child, here, free)
        elif free is None:
            yield f"{_name(here)} {NO_OPTION}"
        elif not fits(free.type, _nested(here[len(free.path) :], inner)):
            yield f"{_name(here)}: {_name(free.path)} takes {free.type}, not {_shown(inner)}"


def _nested(path: tuple[str, ...], value: Nix) -> Nix:
    for key in reversed(path):
        value = {key: value}
    return value


def _name(path: tuple[str, ...]) -> str:
    return ".".join(f'"{p}"' if "." in p else p for p in path)


def _shown(value: Nix) -> str:
    text = repr(plain(value))
    return text if len(text) < 60 else f"{text[:57]}…"
