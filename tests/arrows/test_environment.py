"""Every name in capitals that the code writes for other programs is one that they know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.arrows.environment import FOREIGN, OURS

ROOT = Path(__file__).parents[2] / "homelab"
NAME = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![A-Za-z0-9_])")


def strings(tree: ast.AST) -> Iterator[str]:
    """Text constants of a module, without docstrings."""
    constants, prose = [], set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            constants.append((id(node), node.value))
        elif isinstance(node, ast.Expr):
            prose.add(id(node.value))
    yield from (text for key, text in constants if key not in prose)


def written() -> dict[str, str]:
    """Every such name in the strings of the code, in its shell scripts and in its Nix, each with a
    file that has it.
    """
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*")):
        if path.suffix not in (".py", ".sh", ".nix"):
            continue
        texts = [path.read_text(encoding="utf-8")]
        if path.suffix == ".py":
            texts = [*strings(ast.parse(texts[0]))]
        for text in texts:
            found |= dict.fromkeys(NAME.findall(text), str(path.relative_to(ROOT)))
    return {name: file for name, file in found.items() if not name.startswith("HOMELAB_")}


def test_every_name_of_an_environment_variable_in_the_code_is_on_the_list_with_its_source() -> None:
    listed = {name for group in (FOREIGN, OURS) for names in group.values() for name in names}
    found = written()
    unknown = {name: file for name, file in found.items() if name not in listed}
    assert unknown == {}, "add each to tests/arrows/environment.py with its source, or correct it"
    assert listed - found.keys() == set(), "nothing writes these any more"
