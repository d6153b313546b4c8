"""Names of the options of the modules that the catalog configures, from the option list of NixOS.

The list may be older than the module, so an option that is not in it may exist. The list serves to
find mistyped names before a host evaluates them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

FILE = Path(str(resources.files("homelab.catalog") / "option_names.txt"))
"""One line for each path that has options below it; made by `tests/tools/option_names.py`."""
_CLOSE = 0.8


@cache
def known() -> Mapping[str, frozenset[str]]:
    """Option names below each path; a name that ends with `*` accepts arbitrary names below it."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    pairs = (line.partition(": ") for line in lines if line)
    return {path: frozenset(names.split()) for path, _, names in pairs}


def unknown(path: tuple[str, ...]) -> tuple[str, frozenset[str]] | None:
    """The part of a path that its module does not have, as a full path, and the known names there.

    `None` when the whole path is known, or when arbitrary names are allowed there.
    """
    here = ""
    for i, part in enumerate(path):
        names = known().get(here)
        if names is not None:
            if f"{part}*" in names:
                return None
            if part not in names:
                return ".".join(path[: i + 1]), frozenset(n.rstrip("*") for n in names)
        elif here and i > 2:
            return None
        here = f"{here}.{part}" if here else part
    return None


def size_of_set(path: tuple[str, ...]) -> int:
    """The number of parts of a path that are an option which accepts arbitrary names below it; 0
    where the list has none.
    """
    for i, part in enumerate(path):
        if f"{part}*" in known().get(".".join(path[:i]), ()):
            return i + 1
    return 0


def is_listed(path: tuple[str, ...]) -> bool:
    """Whether the list has the option, or a path above it that accepts arbitrary names."""
    has_module = any(".".join(path[:i]) in known() for i in range(2, len(path)))
    return has_module and unknown(path) is None


def close(name: str, names: frozenset[str]) -> str:
    """The known name most similar to a mistyped one; empty when none is similar."""
    found = difflib.get_close_matches(name, sorted(names), n=1, cutoff=_CLOSE)
    return found[0] if found else ""
