"""Write the owner's pages, and notice pages that are stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from homelab.check import file_check
from homelab.pages.plan import MARK, pages
from homelab.plan import Plan
from homelab.problems import HomelabError, Problem

DOCS_STALE = file_check(
    "docs-stale",
    "warning",
    "Pages that `homelab docs` wrote describe an older stack once the stack changes.",
)


def place_of(directory: Path, name: str) -> Path:
    """The directory of a stack's pages."""
    return directory / "docs" / name


def write_pages(directory: Path, name: str, plan: Plan) -> list[Path]:
    """Write the pages; returns the paths of those that changed.

    Raises HomelabError, before it writes anything, if a file there is not a page of homelab.
    """
    place = place_of(directory, name)
    wanted = {place / file: text for file, text in pages(plan).items()}
    try:
        present = {path: path.read_text("utf-8", "replace") for path in wanted if path.exists()}
        foreign = [
            Problem(str(path), "homelab did not write this file", "move it, then run again")
            for path, text in present.items()
            if not text.startswith(MARK)
        ]
        if foreign:
            raise HomelabError("\n".join(map(str, foreign)))
        place.mkdir(parents=True, exist_ok=True)
        changed = [path for path, text in wanted.items() if present.get(path) != text]
        for path in changed:
            path.write_text(wanted[path], encoding="utf-8")
    except OSError as error:
        where = str(error.filename or place)
        raise HomelabError(
            str(Problem(where, f"cannot be written: {error.strerror}", "fix that, then run again"))
        ) from None
    return changed


def stale_pages(directory: Path, name: str, plan: Plan) -> Iterator[Problem]:
    """A warning for each page that differs from the stack. A stack without pages has none."""
    place = place_of(directory, name)
    if not _is_written(place / "README.md"):
        return
    for file, text in pages(plan).items():
        path = place / file
        try:
            present = path.read_text("utf-8", "replace") if path.exists() else ""
        except OSError:
            present = ""
        if present != text:
            yield Problem(
                path.relative_to(directory).as_posix(),
                "this page is not what the stack says",
                f"run: homelab docs -s {name}",
                DOCS_STALE,
                "warning",
            )


def _is_written(path: Path) -> bool:
    try:
        return path.is_file() and path.read_text("utf-8", "replace").startswith(MARK)
    except OSError:
        return False
