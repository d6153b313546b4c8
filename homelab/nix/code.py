"""References in a Nix file: relative paths, and inputs of the flake."""

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
    """Relative paths in a Nix file, as written: `./disk.nix`, `../common`.

    For a path with an interpolation, the directory before the interpolation.
    """
    found: list[str] = []
    for node in _nodes(text):
        if node.type == "path_expression":
            first = node.named_children[0]
            path = _text(first)
            if len(node.named_children) > 1:
                path = path.rpartition("/")[0]
            if path.startswith("."):
                found.append(path.rstrip("/"))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=512)
def inputs_in(text: str) -> frozenset[str]:
    """Flake inputs that a module uses, as `inputs.<name>` or `inherit (inputs) <name>`."""
    found: set[str] = set()
    for node in _nodes(text):
        children = node.named_children
        if node.type not in ("select_expression", "inherit_from") or len(children) < 2:
            continue
        if _text(children[0]) != "inputs":
            continue
        names = children[1].named_children
        used = names[:1] if node.type == "select_expression" else names
        found |= {_text(n).strip('"') for n in used if n.type != "interpolation"}
    return frozenset(found)


def _nodes(text: str) -> Iterator[tree_sitter.Node]:
    """Every node of the file, in source order."""
    pending = [tree_sitter.Parser(_language()).parse(text.encode(errors="replace")).root_node]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(node.named_children)


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode(errors="replace")
