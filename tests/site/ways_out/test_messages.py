"""Every message of a check is in a table, so its way out is tested."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.checks import PACKAGES
from homelab.problems import Problem
from tests.build import ROOT
from tests.site.ways_out.test_ways_out import ALL

IMPOSSIBLE = {
    "check=LOCK_CURRENT": "homelab lock writes what is missing: elsewhere.py has the reason",
    "check=LOCK_COMPLETE": "homelab update writes the lock: elsewhere.py has the reason",
    "has the host key of": "host-renamed has its way out elsewhere",
    "keys that have encrypted data": "secret-rotated has its way out elsewhere",
    "but no route, service or role needs it": "ports are opened for those alone",
    "does not let {entry} reach": "the plan grants it for each route",
    "without a sign-in": "other checks refuse such a route first",
    "write one repository": "a job is named by its service and its host",
    "its systemd unit is unknown": "each entry names one, and a flake has to",
    "could not log in on": "owners are always granted all: only a fault of the plan brings it",
}
"""Parts of messages that no stack config can cause or fix, with the reason."""


def modules(package: str) -> list[Path]:
    """The modules with a package's checks."""
    here = ROOT / "homelab" / package
    return sorted(p for p in here.glob("*.py") if p.stem == "checks" or p.stem.endswith("_checks"))


def messages(path: Path) -> Iterator[tuple[int, int, str]]:
    """First and last line of each `Problem(…)` in a module, and its text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
            yield node.lineno, node.end_lineno or node.lineno, ast.unparse(node)


@pytest.fixture(scope="module")
def followed() -> set[tuple[str, int]]:
    """File and line of the message of each row."""
    # Two checks may report the same at one place. Then it is shown once.
    made: dict[tuple[str, str], set[tuple[str, int]]] = {}
    names = {str(path) for package in PACKAGES for path in modules(package)}
    init = Problem.__init__

    def record(self: Problem, *args: object, **more: object) -> None:
        init(self, *args, **more)  # type: ignore[arg-type]
        frame = sys._getframe(1)
        if frame.f_code.co_filename in names:
            place = (frame.f_code.co_filename, frame.f_lineno)
            made.setdefault((self.where, self.what), set()).add(place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Problem, "__init__", record)
        chosen = [way.chosen(way.before()) for way in ALL]
    return set().union(*(made.get((p.where, p.what), set()) for p in chosen))


@pytest.mark.long
@pytest.mark.parametrize("package", PACKAGES)
def test_every_message_of_a_package_has_a_row(package: str, followed: set[tuple[str, int]]) -> None:
    missing = [
        f"{path.name}:{first}: {source}"
        for path in modules(package)
        for first, last, source in messages(path)
        if not followed & {(str(path), line) for line in range(first, last + 1)}
        and not any(part in source for part in IMPOSSIBLE)
    ]
    assert not missing, "\n".join(missing)
