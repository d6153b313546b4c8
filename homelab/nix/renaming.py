"""Write another name of an option into the text of a hand-written module."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import tree_sitter

from homelab.nix.source import parsed, read_nix

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_KEYWORDS = frozenset(("assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"))


def joined(path: Sequence[str]) -> str:
    """The path of an option as Nix writes it, with quotes where a part needs them."""
    return ".".join(_part(p) for p in path)


def with_renamed(text: str, old: Sequence[str], new: Sequence[str]) -> str:
    """The module with the new name of an option wherever it sets the old one. Layout stays.

    Empty if that is not possible by the names alone: a computed name, a set around the option that
    the new one is not in, or a module that sets the new option as well.
    """
    old, new = tuple(old), tuple(new)
    source = text.encode()
    edits = list(_edits(parsed(text), (), old, new))
    for start, end, name in sorted(edits, reverse=True):
        source = source[:start] + name.encode() + source[end:]
    edited = source.decode()
    before, after = read_nix(text), read_nix(edited)
    expected = tuple(
        replace(s, path=(*new, *s.path[len(old) :])) if s.path[: len(old)] == old else s
        for s in before.settings
    )
    sets_both = any(s.path[: len(new)] == new for s in before.settings)
    ok = edits and not sets_both and not before.unread
    return (
        edited
        if ok and [_shape(s) for s in after.settings] == [_shape(s) for s in expected]
        else ""
    )


def _shape(setting: object) -> object:
    # How much of a path is forced follows from the path.
    return replace(setting, forced=None)  # type: ignore[type-var]


def _edits(
    node: tree_sitter.Node, base: tuple[str, ...], old: tuple[str, ...], new: tuple[str, ...]
) -> Iterator[tuple[int, int, str]]:
    """The names to replace below a node in a set with the path `base`: start, end, new name."""
    if node.type != "binding":
        for child in node.named_children:
            yield from _edits(child, base, old, new)
        return
    target = node.child_by_field_name("attrpath")
    value = node.child_by_field_name("expression")
    if target is None or value is None:
        return
    names = [n for n in target.named_children if n.type != "comment"]
    plain = [_plain(n) for n in names]
    skip = 1 if not base and plain[:1] == ["config"] else 0
    path = (*base, *plain[skip:])
    if path[: len(old)] == old and len(base) < len(old):
        first, last = names[skip], names[skip + len(old) - len(base) - 1]
        if new[: len(base)] == base and len(new) > len(base):
            yield first.start_byte, last.end_byte, joined(new[len(base) :])
    elif old[: len(path)] == path:
        yield from _edits(value, path, old, new)


def _plain(node: tree_sitter.Node) -> str:
    text = (node.text or b"").decode()
    if node.type == "identifier":
        return text
    return text[1:-1] if re.fullmatch(r'"[^"$\\]*"', text) else "*"


def _part(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name not in _KEYWORDS
    return name if plain else json.dumps(name, ensure_ascii=False).replace("${", "\\${")
