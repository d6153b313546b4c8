"""Writes `homelab/catalog/option_names.txt`: names of options of the modules that homelab
configures.

uv run python -m tests.tools.option_names

The names come from the option data (see `options.py`) and from what newer releases add.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.catalog import ENTRIES
from homelab.catalog.option_names import FILE
from tests.tools.nixtypes import is_free
from tests.tools.options import _ANY, Node, require_options

HEAD = (
    "# Options of NixOS modules that the catalog configures: a path, and the names below it.\n"
    "# A name with * accepts arbitrary names below it. Made by: python -m tests.tools.option_names\n"
)
_WIDE = 60
"""Paths with more names below them are not listed."""


def text(root: Node) -> str:
    """The whole file."""
    facts = [f for entry in ENTRIES.values() for f in (entry, *entry.before.values())]
    modules = sorted({m for entry in facts for m in modules_of(entry.options)})
    lines = []
    for module in modules:
        node = root
        for key in module.split("."):
            node = node.below.get(key) or Node()
        lines += list(_lines(module, node))
    return HEAD + "".join(f"{line}\n" for line in lines)


def modules_of(options: Mapping[str, object]) -> set[str]:
    """`services.x` of each option."""
    paths = [p.split(".") for p in options]
    return {".".join(p[:2]) for p in paths if p[0] == "services"}


def _lines(path: str, node: Node) -> list[str]:
    names = sorted(n for n in node.below if n not in _ANY)
    if not names or len(names) > _WIDE:
        return []
    shown = [n + ("*" if _is_open(node.below[n]) else "") for n in names]
    out = [f"{path}: {' '.join(shown)}"]
    for name in names:
        if not _is_open(node.below[name]):
            out += _lines(f"{path}.{name}", node.below[name])
    return out


def _is_open(node: Node) -> bool:
    """Whether other keys than options are allowed below."""
    inside = any(n in _ANY for n in node.below)
    many = len(node.below) > _WIDE
    return inside or many or (node.type is not None and is_free(node.type))


def main() -> None:
    """Write the file."""
    Path(FILE).write_text(text(require_options()), encoding="utf-8")


if __name__ == "__main__":
    main()
