"""Which lines of a Nix file belong to which binding, at any depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import tree_sitter
import tree_sitter_nix

_PRIORITY = re.compile(r"(?:derive|(?:lib\.)?mk(?:Default|Force|If|Override))\s")
"""Functions that return the settings of their last argument."""


@dataclass(frozen=True)
class Binding:
    """One binding of a set, with the comment above it and everything inside it."""

    path: tuple[str, ...]
    """Its attribute path from the top of the file, without quotes."""
    first: int
    """First line, from 1: that of the comment, if there is one."""
    last: int
    is_set: bool = False
    """Whether its value is a set in braces, so that the text shows every key of it."""

    def __contains__(self, line: int) -> bool:
        return self.first <= line <= self.last


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_nix.language()))


@lru_cache(maxsize=512)
def bindings(text: str) -> tuple[Binding, ...]:
    """Every binding of a file, an outer one before those inside it. Names of `let` are left out."""
    root = _parser().parse(text.encode()).root_node
    return tuple(_below(root, ()))


@lru_cache(maxsize=512)
def elements(text: str) -> tuple[tuple[int, int], ...]:
    """First and last line of every set in a list, an outer one before those inside it."""
    return tuple(_elements(_parser().parse(text.encode()).root_node))


def innermost(text: str, line: int) -> Binding | None:
    """The binding that a line belongs to; None for a line outside of all of them."""
    found = None
    for binding in bindings(text):
        if line in binding:
            found = binding
    return found


def _below(node: tree_sitter.Node, path: tuple[str, ...]) -> Iterator[Binding]:
    for child in node.named_children:
        if child.type == "binding_set" and node.type == "let_expression":
            continue
        if child.type != "binding":
            yield from _below(child, path)
            continue
        target = child.child_by_field_name("attrpath")
        here = (*path, *(_name(a) for a in target.named_children)) if target else path
        is_set = _is_set(child.child_by_field_name("expression"))
        yield Binding(here, _first(child), child.end_point.row + 1, is_set)
        yield from _below(child, here)


def _is_set(node: tree_sitter.Node | None) -> bool:
    """Whether a value is a set in braces, also with a priority or a condition."""
    if node is None:
        return False
    if node.type == "parenthesized_expression":
        return _is_set(node.child_by_field_name("expression"))
    if node.type == "apply_expression":
        called = _PRIORITY.match((node.text or b"").decode())
        return called is not None and _is_set(node.child_by_field_name("argument"))
    if not node.type.endswith("attrset_expression"):
        return False
    parts = [b for s in node.named_children if s.type == "binding_set" for b in s.named_children]
    return not any(_is_open(part) for part in parts)


def _is_open(binding: tree_sitter.Node) -> bool:
    """Whether a part of a set adds keys that the text of its paths does not show."""
    target = binding.child_by_field_name("attrpath")
    if target is None:
        return binding.type.startswith("inherit")
    return b"${" in (target.text or b"")


def _elements(node: tree_sitter.Node) -> Iterator[tuple[int, int]]:
    for child in node.named_children:
        if node.type == "list_expression" and child.type.endswith("attrset_expression"):
            yield child.start_point.row + 1, child.end_point.row + 1
        yield from _elements(child)


def _first(binding: tree_sitter.Node) -> int:
    """The line of the binding, or of the comment that ends right above it."""
    first, before = binding.start_point.row, _before(binding)
    while before is not None and before.type == "comment" and before.end_point.row == first - 1:
        first, before = before.start_point.row, _before(before)
    return first + 1


def _before(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """What stands before it. A comment above the first binding of a set stands beside them all."""
    at = node if node.prev_named_sibling is not None or node.type == "comment" else node.parent
    return at.prev_named_sibling if at is not None else None


def _name(attribute: tree_sitter.Node) -> str:
    text = (attribute.text or b"").decode()
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])
