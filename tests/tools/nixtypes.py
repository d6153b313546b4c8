"""Compares printed values with NixOS option types as written in the manual.

Only literal values are compared. An expression (`Raw`, `Call`) may have any type, and an unknown
type accepts every value.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from homelab.nix import (
    After,
    Before,
    Call,
    Comment,
    Force,
    Lines,
    Nix,
    Path,
    Pkg,
    Raw,
    Script,
    Text,
)

_FREE = re.compile(
    r"(JSON|YAML|TOML|HOCON|PHP|Elixir|INI|secret) value|anything|raw value|unspecified value"
    r"|settings option|attribute set|submodule|systemd option|section of an INI file.*"
)
_STRING = re.compile(
    r"(non-empty |single-line )?string($|[ ,].*)|\(optionally newline-terminated\) single-line"
    r" string|strings concatenated with .*|file mode string|.*single-line string"
)
_INTEGER = re.compile(
    r"(signed|unsigned|positive|nonnegative|\d+ bit (un)?signed) integer($|[ ,;].*)"
    r"|integer($| (of|between) .*)"
)
_BETWEEN = re.compile(r"between (-?\d+) and (-?\d+) \(both inclusive\)")


def plain(value: Nix) -> Nix:
    """A value without priorities and comments."""
    while isinstance(value, Force | After | Before | Comment):
        value = value.value
    return value


def is_opaque(value: Nix) -> bool:
    """Whether the value is an expression."""
    return isinstance(value, Raw | Call)


def is_free(type_: str) -> bool:
    """Whether a set of this type accepts other keys than options."""
    return any(
        _FREE.fullmatch(t) or t.startswith(("attribute set of", "lazy attribute set of"))
        for t in _alternatives(_bare(type_))
    ) and not _is_submodules(type_)


def fits(type_: str, value: Nix) -> bool:
    """Whether a value can be of this type."""
    value = plain(value)
    if is_opaque(value):
        return True
    return any(_fits_one(t, value) for t in _alternatives(_bare(type_)))


def _is_submodules(type_: str) -> bool:
    """Whether the type is a submodule without a freeform type."""
    return bool(
        re.fullmatch(r"(null or )?((lazy )?attribute set of )*\(?submodule\)?", _bare(type_))
    )


def _bare(type_: str) -> str:
    # The only "or" in the manual's types that does not join types.
    return html.unescape(type_).strip().replace("newlines or colons", "newlines and colons")


@cache
def _alternatives(type_: str) -> tuple[str, ...]:
    """The members of `a or b`. Brackets and quotes are respected; outer brackets are removed."""
    type_ = _unwrapped(type_.removesuffix(" convertible to it"))
    if type_.startswith(("one of ", "list of ", "attribute set of ", "lazy attribute set of ")):
        head = re.match(r"(one of |((list|(lazy )?attribute set) of )+)", type_)
        assert head is not None
        # "one of" binds its words; "list of" binds one type, in brackets where it is an `or`.
        parts = _split(type_[head.end() :])
        first = head.group() + parts[0]
        rest = " or ".join(parts[1:])
        return (first, *_alternatives(rest)) if rest else (first,)
    parts = _split(type_)
    if len(parts) == 1:
        return (type_,)
    return (*_alternatives(parts[0]), *_alternatives(" or ".join(parts[1:])))


def _unwrapped(type_: str) -> str:
    while type_.startswith("(") and _closing(type_) == len(type_) - 1:
        type_ = type_[1:-1]
    return type_


def _closing(text: str) -> int:
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return i
    return -1


def _split(type_: str) -> list[str]:
    """Split at ` or ` outside of brackets, quotes and ranges."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(type_):
        depth += (type_[i] in "(“") - (type_[i] in ")”")
        if depth == 0 and type_.startswith(" or ", i):
            parts.append(type_[start:i])
            i += 4
            start = i
            continue
        i += 1
    return [*parts, type_[start:]]


def _fits_one(type_: str, value: Nix) -> bool:
    type_ = _unwrapped(type_.removesuffix(" convertible to it"))
    if " or " in type_ and len(_alternatives(type_)) > 1:
        return fits(type_, value)
    if type_ == "null":
        return value is None
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_.startswith("one of "):
        return _is_one_of(type_.removeprefix("one of "), value)
    if type_.startswith("value "):
        return value == type_.split("“")[1].split("”")[0] if "“" in type_ else True
    if type_.startswith("non-empty (list"):
        return isinstance(value, list | tuple) and bool(value)
    if type_.startswith("list of "):
        inner = type_.removeprefix("list of ")
        return isinstance(value, list | tuple) and all(fits(inner, v) for v in value)
    if match := re.match(r"(lazy )?attribute set of ", type_):
        inner = type_[match.end() :]
        return isinstance(value, Mapping) and all(fits(inner, v) for v in value.values())
    if type_ in ("attribute set", "submodule"):
        return isinstance(value, Mapping)
    if _INTEGER.fullmatch(type_):
        return _is_integer(type_, value)
    if type_.startswith(("floating point", "integer or floating")):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type_ == "path" or type_.startswith(("path,", "path in")):
        return isinstance(value, Path | Pkg | Text) or (
            isinstance(value, str) and value.startswith("/")
        )
    if type_ == "package":
        return isinstance(value, Pkg | Call)
    if _STRING.fullmatch(type_):
        return isinstance(value, str | Lines | Text | Script)
    if _FREE.fullmatch(type_):
        return _is_data(value)
    return True


def _is_one_of(words: str, value: Nix) -> bool:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value] in words.split(", ")
    if isinstance(value, str):
        return f"“{value}”" in words
    return str(value) in words.split(", ")


def _is_integer(type_: str, value: Nix) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    between = _BETWEEN.search(type_)
    if between:
        return int(between[1]) <= value <= int(between[2])
    if type_.startswith("unsigned"):
        return value >= 0
    return value > 0 if type_.startswith("positive") else True


def _is_data(value: Nix) -> bool:
    """Whether a value can be written to a data file: no path and no package."""
    value = plain(value)
    if isinstance(value, Mapping):
        return all(_is_data(v) for v in value.values())
    if isinstance(value, list | tuple):
        return all(_is_data(v) for v in cast("Sequence[Nix]", value))
    return True
