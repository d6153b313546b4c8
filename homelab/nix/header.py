"""The comment at the top of a Nix file."""

from __future__ import annotations

import re
from functools import lru_cache

_COMMENT = re.compile(r"\s*(?:#([^\n]*)|/\*(.*?)\*/)", re.DOTALL)
_MADE = re.compile(r"\b(auto-?)?generated\b|\bdo not (edit|modify)\b", re.IGNORECASE)


@lru_cache(maxsize=512)
def header_of(text: str) -> str:
    """The comments before the first word of code, without their marks; empty if they say nothing.

    A byte order mark before them, which Nix refuses anyway, is no comment.
    """
    lines: list[str] = []
    at = 0
    while found := _COMMENT.match(text, at):
        said = found[1] if found[1] is not None else found[2]
        lines += [line.strip(" \t*#") for line in said.splitlines()]
        at = found.end()
    return "\n".join(line for line in lines if re.search(r"\w", line))


def is_made(text: str) -> bool:
    """Whether its header says that a program wrote the file: nixos-generate-config, node2nix."""
    return _MADE.search(header_of(text)) is not None
