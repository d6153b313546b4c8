"""Which options the modules that the catalog configures have: names alone, from the option list of
NixOS.

A list is of its day, and modules get new options: a name that is not in it may be right. What it is
good for is to tell a mistyped one before a host evaluates it.
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
    """Names below a path; one that ends with `*` takes further names of one's own."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    pairs = (line.partition(": ") for line in lines if line)
    return {path: frozenset(names.split()) for path, _, names in pairs}


def unknown(path: tuple[str, ...]) -> tuple[str, frozenset[str]] | None:
    """The part of a path that its module is not known to have, as a whole path, and the names that
    are known there; None where all is known, or where names are one's own.
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


def close(name: str, names: frozenset[str]) -> str:
    """The known name that a mistyped one is nearest to; empty where none is near."""
    found = difflib.get_close_matches(name, sorted(names), n=1, cutoff=_CLOSE)
    return found[0] if found else ""
