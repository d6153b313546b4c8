"""The modules of a system in a hand-written flake, and what a module imports, read without Nix.

A list of modules may name what only Nix resolves: a module of another flake, the result of a
function. Those are `unread`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tree_sitter

from homelab.nix.code import nodes_of, text_of

_DEEP = 16
"""Limit for names that refer to other names."""
_HARMLESS = re.compile(
    r"""modulesPath.*/(installer/scan/not-detected|profiles/qemu-guest)\.nix""", re.DOTALL
)
"""Modules of nixpkgs that nixos-generate-config imports: firmware and drivers."""


@dataclass(frozen=True)
class Modules:
    """Modules that a list names."""

    paths: tuple[str, ...] = ()
    """Relative paths, as written."""
    inline: tuple[str, ...] = ()
    """Modules inside the file, each after as many empty lines as it has lines above it."""
    unread: tuple[str, ...] = ()
    """Expressions that only Nix resolves, as written."""


@lru_cache(maxsize=64)
def system_modules(text: str, name: str) -> Modules | None:
    """The modules of `nixosConfigurations.NAME` in a `flake.nix`; None if the text does not show
    them.
    """
    for binding in _bindings(text):
        if _place(binding)[-2:] == ("nixosConfigurations", name):
            system = _resolved(binding.child_by_field_name("expression"), text)
            listed = _argument(system, "modules") if system is not None else None
            return _modules([listed], text) if listed is not None else None
    return None


@lru_cache(maxsize=512)
def imports_in(text: str) -> Modules:
    """What the module in a file imports."""
    lists = [
        binding.child_by_field_name("expression")
        for binding in _bindings(text)
        if _names(binding)[-1:] == ("imports",)
    ]
    return _modules(lists, text)


@lru_cache(maxsize=512)
def evaluated_in(text: str) -> tuple[str, ...]:
    """Relative paths whose content Nix evaluates, as written: what a module imports, and the
    arguments of `import` and `callPackage`.
    """
    called = (
        (node.child_by_field_name("function"), node.child_by_field_name("argument"))
        for node in nodes_of(text)
        if node.type == "apply_expression"
    )
    arguments = [
        text_of(argument)
        for function, argument in called
        if function is not None
        and argument is not None
        and text_of(function).rpartition(".")[2] in ("import", "callPackage")
        and argument.type == "path_expression"
        and len(argument.named_children) == 1
    ]
    paths = dict.fromkeys((*imports_in(text).paths, *arguments))
    return tuple(path.rstrip("/") for path in paths if path.startswith("."))


def _modules(lists: list[tree_sitter.Node | None], text: str) -> Modules:
    paths: list[str] = []
    inline: list[str] = []
    unread: list[str] = []
    for node in (e for one in lists if one is not None for e in _elements(one, text, 0)):
        imported = _imported(node)
        written = text_of(imported)
        if imported.type == "path_expression" and len(imported.named_children) == 1:
            paths.append(written)
        elif node.type.endswith(("attrset_expression", "function_expression")):
            inline.append("\n" * node.start_point.row + text_of(node))
        elif not _HARMLESS.search(written):
            unread.append(" ".join(text_of(node).split()))
    return Modules(tuple(paths), tuple(inline), tuple(unread))


def _elements(node: tree_sitter.Node, text: str, depth: int) -> Iterator[tree_sitter.Node]:
    """The items of a list, also of joined ones."""
    whole = _resolved(node, text)
    if whole is None or depth > _DEEP:
        yield node
    elif whole.type == "list_expression":
        for item in whole.named_children:
            if item.type != "comment":
                yield _resolved(item, text) or item
    elif whole.type == "binary_expression" and _operator(whole) == "++":
        for side in whole.named_children:
            yield from _elements(side, text, depth + 1)
    else:
        yield whole


def _operator(node: tree_sitter.Node) -> str:
    operator = node.child_by_field_name("operator")
    return text_of(operator) if operator is not None else ""


def _imported(node: tree_sitter.Node) -> tree_sitter.Node:
    """The file of `import ./file.nix` and of `import ./file.nix { … }`."""
    inner: tree_sitter.Node | None = node
    while inner is not None and inner.type == "apply_expression":
        function = inner.child_by_field_name("function")
        if function is not None and text_of(function) in ("import", "builtins.import"):
            return inner.child_by_field_name("argument") or node
        inner = function
    return node


def _argument(node: tree_sitter.Node, name: str) -> tree_sitter.Node | None:
    """The value of a name in the set that `nixosSystem` gets."""
    function = node.child_by_field_name("function") if node.type == "apply_expression" else None
    argument = node.child_by_field_name("argument")
    if function is None or argument is None or not text_of(function).endswith("nixosSystem"):
        return None
    for child in nodes_of(argument):
        if child.type == "binding" and _names(child) == (name,) and _set_of(child) == argument:
            return child.child_by_field_name("expression")
    return None


def _set_of(binding: tree_sitter.Node) -> tree_sitter.Node | None:
    above = binding.parent
    return above.parent if above is not None and above.type == "binding_set" else above


def _resolved(node: tree_sitter.Node | None, text: str) -> tree_sitter.Node | None:
    """The expression in parentheses, below `let` and `with`, and behind a name that the file
    defines once.
    """
    for _ in range(_DEEP):
        if node is None:
            return None
        if node.type == "parenthesized_expression":
            node = node.child_by_field_name("expression")
        elif node.type in ("let_expression", "with_expression", "assert_expression"):
            node = node.child_by_field_name("body")
        elif node.type == "variable_expression":
            found = [b for b in _bindings(text) if _names(b) == (text_of(node),)]
            if len(found) != 1:
                return node
            node = found[0].child_by_field_name("expression")
        else:
            return node
    return node


def _bindings(text: str) -> Iterator[tree_sitter.Node]:
    return (node for node in nodes_of(text) if node.type == "binding")


def _place(binding: tree_sitter.Node) -> tuple[str, ...]:
    """The names of a binding, with those of the sets around it."""
    path: tuple[str, ...] = ()
    node: tree_sitter.Node | None = binding
    while node is not None:
        if node.type == "binding":
            path = (*_names(node), *path)
        node = node.parent
    return path


def _names(binding: tree_sitter.Node) -> tuple[str, ...]:
    target = binding.child_by_field_name("attrpath")
    names = target.named_children if target is not None else ()
    return tuple(text_of(n).strip('"') for n in names if n.type != "comment")
