"""Write the development shells beside the stack, and notice stale ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from homelab.check import file_check
from homelab.ops.project.marked import write_marked
from homelab.ops.project.reading import written
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.starter.dev_shells import MARK, dev_shells

DEV_SHELLS_STALE = file_check(
    "dev-shells-stale",
    "warning",
    "Shells that `homelab dev-shells` wrote are those of an older stack once it changes.",
)
_NONE = f"{MARK}_: {{ }}\n"


def place_of(directory: Path, name: str) -> Path:
    """The file with the shells of a stack."""
    return directory / "dev-shells" / name / "default.nix"


def write_shells(directory: Path, name: str, plan: Plan) -> list[Path]:
    """Write the shells; returns the file if it changed. Without a shell, a file that is there has
    none.

    Raises HomelabError, before it writes anything, if the file there is not one of homelab.
    """
    place = place_of(directory, name)
    text = dev_shells(plan.stack)
    if not text and not place.exists():
        return []
    return write_marked({place: text or _NONE}, MARK, "then run again")


def stale_shells(directory: Path, name: str, plan: Plan) -> Iterator[Problem]:
    """A warning if the shells that are there differ from the stack, or an error if they cannot be
    read.
    """
    place = place_of(directory, name)
    present = written(place, directory)
    if isinstance(present, Problem):
        yield present
    elif (
        present is not None
        and present.startswith(MARK)
        and present != (dev_shells(plan.stack) or _NONE)
    ):
        yield Problem(
            place.relative_to(directory).as_posix(),
            "these shells are not those of the stack",
            f"run: homelab dev-shells -s {name}",
            DEV_SHELLS_STALE,
            "warning",
        )
