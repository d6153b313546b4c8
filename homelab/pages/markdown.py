"""Markdown: tables of texts that may contain anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*\[\]<>|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def text(value: object) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """A table; `empty` if it has no rows."""
    lines = [f"| {' | '.join(map(text, row))} |" for row in rows]
    if not lines:
        return f"{empty}\n"
    return "\n".join([f"| {' | '.join(head)} |", "| --- " * len(head) + "|", *lines]) + "\n"


def picture(mermaid: str) -> str:
    """A Mermaid flow chart."""
    return f"```mermaid\n{mermaid}```\n"
