"""`docs/reference/requirements.md`, made from `tests/requirements.yaml` and the markers of tests."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[1]
TITLES = TESTS / "requirements.yaml"
MARKER = "pytest.mark.requirement"

_INTRO = """\
# Requirements

Generated from `tests/requirements.yaml` and from the tests with `make docs`; do not edit.

A test names the requirements that it shows with `@pytest.mark.requirement("<id>")`. A file without
test names is marked as a whole. A row without tests has no marked test. [Checks](checks.md) describes
the checks.

| Id | Requirement | Checks | Tests |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Requirement:
    """A row of `tests/requirements.yaml`."""

    title: str
    checks: tuple[str, ...]


@cache
def requirements() -> Mapping[str, Requirement]:
    """Every requirement by its id, in the order of the file."""
    rows = yaml.safe_load(TITLES.read_text(encoding="utf-8"))
    return {k: Requirement(r["title"], tuple(r.get("checks", ()))) for k, r in rows.items()}


@dataclass(frozen=True, order=True)
class Marked:
    """A test with a marker, or a whole file of tests if `test` is empty."""

    file: str
    line: int
    test: str
    ids: tuple[str, ...]


@cache
def marked() -> tuple[Marked, ...]:
    """Every marker in the tests, by file and line. Files are read, not imported."""
    found: list[Marked] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if MARKER in text:
            found += _marked(path.relative_to(TESTS).as_posix(), ast.parse(text))
    return tuple(sorted(found))


def _marked(file: str, tree: ast.Module) -> Iterator[Marked]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for decorator in node.decorator_list:
                    yield from _ids(file, node.name, decorator)
            case ast.Assign(targets=[ast.Name(id="pytestmark")]):
                for part in ast.walk(node.value):
                    yield from _ids(file, "", part)


def _ids(file: str, test: str, node: ast.AST) -> Iterator[Marked]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == MARKER:
        yield Marked(file, node.lineno, test, tuple(ast.literal_eval(a) for a in node.args))


def requirements_page() -> str:
    """One row for each requirement: its id, its title, its checks and its tests."""
    tests: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for mark in marked():
        for id_ in mark.ids:
            tests[id_][mark.file].append(mark.test)
    rows = []
    for id_, row in requirements().items():
        checks = ", ".join(f"`{c}`" for c in row.checks)
        shown = "<br>".join(_tests(file, names) for file, names in tests[id_].items())
        rows.append(f"| {id_} | {row.title} | {checks} | {shown} |\n")
    return _INTRO + "".join(rows)


def _tests(file: str, names: list[str]) -> str:
    link = f"[{file}](../../tests/{file})"
    named = [f"`{n}`" for n in dict.fromkeys(names) if n]
    return f"{link}: {', '.join(named)}" if named else link
