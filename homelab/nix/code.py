"""References in a Nix file: paths, flake inputs, attributes of an argument; and the texts in it."""

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
    for node in nodes_of(text):
        if node.type == "path_expression":
            first = node.named_children[0]
            path = text_of(first)
            if len(node.named_children) > 1:
                path = path.rpartition("/")[0]
            if path.startswith("."):
                found.append(path.rstrip("/"))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=512)
def texts_in(text: str) -> tuple[tuple[int, str], ...]:
    """Lines of the text in strings, without interpolations and comments: (line, text)."""
    return tuple(
        (node.start_point[0] + 1 + offset, line)
        for node in nodes_of(text)
        if node.type == "string_fragment"
        for offset, line in enumerate(text_of(node).splitlines())
    )


@lru_cache(maxsize=512)
def inputs_in(text: str) -> frozenset[str]:
    """Flake inputs that a module uses, as `inputs.<name>` or `inherit (inputs) <name>`."""
    found: set[str] = set()
    for node in nodes_of(text):
        children = node.named_children
        if node.type not in ("select_expression", "inherit_from") or len(children) < 2:
            continue
        if text_of(children[0]) != "inputs":
            continue
        names = children[1].named_children
        used = names[:1] if node.type == "select_expression" else names
        found |= {text_of(n).strip('"') for n in used if n.type != "interpolation"}
    return frozenset(found)


@lru_cache(maxsize=512)
def attributes_in(text: str, argument: str) -> frozenset[tuple[str, ...]]:
    """Paths below an argument that a module uses: `("services", "immich", "url")` for
    `homelab.services.immich.url`. `()` stands for the argument as a whole: `f homelab`, `with
    homelab;`. Empty if no function of the file takes the argument.
    """
    found: set[tuple[str, ...]] = set()
    taken = False
    for node in nodes_of(text):
        taken |= node.type == "formal" and text_of(node.named_children[0]) == argument
        if node.type == "variable_expression" and text_of(node) == argument:
            found |= _paths_from(node)
        elif node.type == "inherit":
            names = [n for attrs in node.named_children for n in attrs.named_children]
            found |= {()} if argument in map(text_of, names) else set()
    return frozenset(found) if taken else frozenset()


def _paths_from(variable: tree_sitter.Node) -> set[tuple[str, ...]]:
    """The paths that the expression around a variable selects from it."""
    around = variable.parent
    if around is None:
        return {()}
    if around.type == "inherit_from" and around.named_children[0] == variable:
        return {(text_of(n).strip('"'),) for n in around.named_children[1].named_children}
    if around.type != "select_expression" or around.named_children[0] != variable:
        return {()}
    path = _fixed(around.named_children[1])
    above = around.parent
    if above is not None and above.type == "inherit_from" and above.named_children[0] == around:
        return {(*path, *_fixed(n)) for n in above.named_children[1].named_children}
    # `a.b.c or d` asks whether b has c.
    return {path[:-1] if len(around.named_children) > 2 and len(path) > 1 else path}


def _fixed(path: tree_sitter.Node) -> tuple[str, ...]:
    """The names of an attribute path up to the first one that is computed."""
    out: list[str] = []
    for name in path.named_children if path.type == "attrpath" else [path]:
        text = text_of(name)
        if name.type == "interpolation" or "${" in text:
            break
        out.append(text.strip('"'))
    return tuple(out)


def nodes_of(code: str | tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Every node of a file or of an expression, in source order."""
    if isinstance(code, str):
        code = tree_sitter.Parser(_language()).parse(code.encode(errors="replace")).root_node
    pending = [code]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(node.named_children)


def text_of(node: tree_sitter.Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode(errors="replace")


@lru_cache(maxsize=512)
def elsewhere_in(text: str) -> tuple[tuple[int, str], ...]:
    """Paths that lead out of a flake, each with its line: `<nixpkgs>`, `/etc/nixos/x.nix`,
    `~/x.nix`. A flake is evaluated without them.

    Defaults of a function's arguments are left out, because the caller gives the arguments:
    `{ pkgs ? import <nixpkgs> { } }`. So is `<nix/…>`, which Nix has built in.
    """
    return tuple(
        (node.start_point[0] + 1, text_of(node))
        for node in nodes_of(text)
        if _leads_out(node) and not _is_default(node)
    )


def _leads_out(node: tree_sitter.Node) -> bool:
    if node.type == "spath_expression":
        return not text_of(node).startswith("<nix/")
    return node.type == "hpath_expression" or (
        node.type == "path_expression" and text_of(node).startswith("/")
    )


def _is_default(node: tree_sitter.Node) -> bool:
    """Whether it is in the default of a function's argument."""
    above = node.parent
    while above is not None and above.type != "formal":
        above = above.parent
    return above is not None
