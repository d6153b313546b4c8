"""Nix expressions as Python values.

`None`, `bool`, `int`, `float`, `str`, lists and dicts are literals: a `str` is always a string
literal without interpolation. All other expressions use the classes below, so that no code
concatenates Nix text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast


@dataclass(frozen=True)
class Raw:
    """A Nix expression from our own code, printed as it is. Never for a user's value."""

    text: str


@dataclass(frozen=True)
class Pkg:
    """A package by its attribute path: `Pkg("ollama-cuda")` is `pkgs.ollama-cuda`."""

    name: str


@dataclass(frozen=True)
class Path:
    """A path relative to the file that contains it: `./secrets.yaml`."""

    path: str


@dataclass(frozen=True)
class Lines:
    """An indented string, for text of more than one line. Nothing in it is interpolated."""

    text: str


@dataclass(frozen=True)
class Text:
    """A string with interpolations: text is escaped, `Raw` and `Pkg` parts are interpolated."""

    parts: tuple[str | Raw | Pkg, ...]
    indented: bool = False

    @classmethod
    def of(cls, *parts: str | Raw | Pkg) -> Text:
        """A one-line string from the parts."""
        return cls(parts)


@dataclass(frozen=True)
class Script:
    """An indented string with shell code; the same escape rules as `Text`."""

    parts: tuple[str | Raw | Pkg, ...]

    @classmethod
    def of(cls, *parts: str | Raw | Pkg) -> Script:
        """A script from the parts, joined without separators."""
        return cls(parts)


@dataclass(frozen=True)
class Call:
    """A function applied to arguments: `Call("lib.mkIf", …)`."""

    function: str
    args: tuple[Nix, ...]


@dataclass(frozen=True)
class Function:
    """A function of one argument: `Function("pkg", …)`."""

    argument: str
    body: Nix


@dataclass(frozen=True)
class Force:
    """`lib.mkForce`: overrides nixpkgs. Only for a recorded exception."""

    value: Nix


@dataclass(frozen=True)
class After:
    """`lib.mkAfter`: merged after the definitions of other modules, not overridden by them."""

    value: Nix


@dataclass(frozen=True)
class Before:
    """`lib.mkBefore`: merged before the definitions of other modules, not overridden by them."""

    value: Nix


@dataclass(frozen=True)
class Comment:
    """A value with a comment above its binding."""

    text: str
    value: Nix


Nix: TypeAlias = (
    None
    | bool
    | int
    | float
    | str
    | Raw
    | Pkg
    | Path
    | Lines
    | Text
    | Script
    | Call
    | Function
    | Force
    | After
    | Before
    | Comment
    | Sequence["Nix"]
    | Mapping[str, "Nix"]
)
Attrs: TypeAlias = dict[str, Nix]


def unwrapped(value: Nix) -> Nix:
    """A value without the comments, priorities and order around it."""
    while isinstance(value, _AROUND):
        value = value.value
    return value


_AROUND = (After, Before, Comment, Force)
# A dict is recognized sooner than any other mapping.
_MAPPINGS = (dict, Mapping)


class ConflictError(ValueError):
    """Two packages set one option to different values: an error in homelab, not in the stack."""


def merge(*trees: Mapping[str, Nix]) -> Attrs:
    """Merge attribute sets. Nested sets merge and lists concatenate without duplicates.

    Raises `ConflictError` when other values differ.
    """
    out: Attrs = {}
    for tree in trees:
        _merge_into(out, tree, ())
    return out


def _merge_into(out: Attrs, tree: Mapping[str, Nix], path: tuple[str, ...]) -> None:
    for key, value in tree.items():
        if isinstance(value, _MAPPINGS):
            inner = out.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ConflictError(".".join((*path, key)))
            _merge_into(inner, value, (*path, key))
        elif key not in out:
            out[key] = value
        elif isinstance(value, list) and isinstance(out[key], list):
            old = cast("list[Nix]", out[key])
            out[key] = [*old, *(v for v in value if v not in old)]
        elif (type(out[key]), out[key]) != (type(value), value):
            # `True == 1` in Python but not in Nix.
            raise ConflictError(".".join((*path, key)))
