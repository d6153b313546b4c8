"""Write files that carry a mark of homelab, without replacing files of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.problems import HomelabError, Problem

_FOREIGN = "homelab did not write this file, and would replace it"


def write_marked(wanted: Mapping[Path, str], mark: str, then: str) -> list[Path]:
    """Write the files that differ; returns their paths. Each text starts with the mark.

    `then` ends the ways out: `or name another directory with --out`. Raises HomelabError, before it
    writes anything, if a file there does not start with the mark.
    """
    try:
        present = {path: path.read_text("utf-8", "replace") for path in wanted if path.exists()}
        foreign = [
            Problem(str(path), _FOREIGN, f"move it, {then}")
            for path, text in present.items()
            if not text.startswith(mark)
        ]
        if foreign:
            raise HomelabError("\n".join(map(str, foreign)))
        changed = [path for path, text in wanted.items() if present.get(path) != text]
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
    except OSError as error:
        where = str(error.filename or next(iter(wanted)).parent)
        what = f"cannot be written: {error.strerror}"
        raise HomelabError(str(Problem(where, what, f"fix that, {then}"))) from None
    return changed
