"""What a Nix file names beside options: relative paths, and inputs of the flake."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import tree_sitter
import tree_sitter_nix


@cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_nix.language())


@lru_cache(maxsize=512)
def paths_in(text: str) -> tuple[str, ...]:
    """Relative paths that a Nix file names, as written: `./disk.nix`, `../common`. Of one that goes
    on with something computed, the directory before that.
    """
    found: list[str] = []
    for node in _nodes(text):
        if node.type == "path_expression":
            first = node.named_children[0]
            written = _text(first)
            if len(node.named_children) > 1:
                written = written.rpartition("/")[0]
            if written.startswith("."):
                found.append(written.rstrip("/"))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=512)
def inputs_in(text: str) -> frozenset[str]:
    """Flake inputs that a module asks for by `inputs.<name>` or `inherit (inputs) <name>`."""
    found: set[str] = set()
    for node in _nodes(text):
        children = node.named_children
        if node.type not in ("select_expression", "inherit_from") or len(children) < 2:
            continue
        if _text(children[0]) != "inputs":
            continue
        names = children[1].named_children
        asked = names[:1] if node.type == "select_expression" else names
        found |= {_text(n).strip('"') for n in asked if n.type != "interpolation"}
    return frozenset(found)


def _nodes(text: str) -> Iterator[tree_sitter.Node]:
    """Every node of the file, in the order that they stand."""
    pending = [tree_sitter.Parser(_language()).parse(text.encode(errors="replace")).root_node]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(node.named_children)


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode(errors="replace")
