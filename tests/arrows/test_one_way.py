"""Imports run one way, and the architecture page says which."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def modules() -> dict[str, Path]:
    """Every module of the package by name. `components` and `lab` are at the top of the
    repository."""
    found = {}
    for folder in ("homelab", "components", "lab"):
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name if folder == "homelab" else f"homelab.{name}"] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The project's modules that a module imports, including late imports and imports for types."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield full if full in known else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_no_two_modules_import_each_other() -> None:
    known = modules()
    graph = nx.DiGraph()
    for name, path in known.items():
        # The package exports the public interface and imports it lazily.
        if name != "homelab":
            graph.add_edges_from((name, i) for i in imports(path, known) if i in known)
    circles = [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1]
    assert circles == []


def test_the_page_names_the_layers_of_the_contract() -> None:
    held = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [c for c in held["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    table = PAGE[PAGE.index("| Layer |") : PAGE.index("## A package")]
    rows = [row for row in table.splitlines()[2:] if row.startswith("|")]
    named = [re.findall(r"`(homelab\.\w+)`", row.split("|")[1]) for row in rows]
    assert named == [line.split(" | ") for line in contract["layers"]]


def test_the_page_names_every_package() -> None:
    packages = {p.parent.name for p in (ROOT / "homelab").glob("*/__init__.py")}
    assert sorted(p for p in packages if not re.search(rf"\b{p}\b", PAGE)) == []


def test_the_files_that_the_page_names_exist() -> None:
    for path in re.findall(r"`((?:homelab|components|lab|tests|docs)/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
