"""Write pictures to a directory, without replacing files of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.graph.model import Picture
from homelab.graph.svg import MARK, as_svg
from homelab.problems import HomelabError, Problem


def write_pictures(out: Path, pictures: Mapping[str, Picture]) -> list[Path]:
    """Write one SVG file for each picture; returns their paths.

    Raises HomelabError, before it writes anything, if a file there is not a picture of homelab.
    """
    files = {out / f"{name}.svg": as_svg(picture) for name, picture in pictures.items()}
    try:
        problems = [_foreign(path) for path in files if path.exists() and not _is_ours(path)]
        if problems:
            raise HomelabError("\n".join(map(str, problems)))
        out.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        where = str(error.filename or out)
        way_out = "fix that, or name another directory with --out"
        raise HomelabError(
            str(Problem(where, f"cannot be written: {error.strerror}", way_out))
        ) from None
    return [*files]


def _is_ours(path: Path) -> bool:
    return MARK in path.read_text(encoding="utf-8", errors="replace")


def _foreign(path: Path) -> Problem:
    what = "homelab did not write this file, and would replace it"
    return Problem(str(path), what, "move it, or name another directory with --out")
