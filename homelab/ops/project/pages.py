"""Write the owner's pages, and notice pages that are stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from homelab.check import file_check
from homelab.ops.project.marked import write_marked
from homelab.ops.project.reading import written
from homelab.pages.plan import MARK, pages
from homelab.plan import Plan
from homelab.problems import Problem

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
    return write_marked(wanted, MARK, "then run again")


def stale_pages(directory: Path, name: str, plan: Plan) -> Iterator[Problem]:
    """A warning for each page that differs from the stack, and an error for one that cannot be
    read. A stack without pages has none.
    """
    place = place_of(directory, name)
    first = written(place / "README.md", directory)
    if isinstance(first, Problem):
        yield first
        return
    if first is None or not first.startswith(MARK):
        return
    for file, text in pages(plan).items():
        path = place / file
        present = written(path, directory)
        if isinstance(present, Problem):
            yield present
        elif present != text:
            yield Problem(
                path.relative_to(directory).as_posix(),
                "this page is not what the stack says",
                f"run: homelab docs -s {name}",
                DOCS_STALE,
                "warning",
            )
