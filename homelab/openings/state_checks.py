"""Checks of state that options of the stack config and hand-written modules move, or add."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.openings.checks import of_stack
from homelab.openings.state import STATE
from homelab.openings.unsaved import UNSAVED
from homelab.plan import Plan
from homelab.problems import Problem


@check("state-moved")
def state_moved(plan: Plan) -> Iterator[Problem]:
    """A backup that dumps another database than the one in use has nothing to restore."""
    for where, opening in of_stack(plan, (STATE,)):
        yield Problem(where, opening.what, opening.way_out)


@check("backup-own", severity="warning")
def backup_own(plan: Plan) -> Iterator[Problem]:
    """An app that only a module of yours runs, and a directory that only an option mounts into a
    container, are lost with the disk unless something backs them up.
    """
    for where, opening in of_stack(plan, (UNSAVED,)):
        yield Problem(where, opening.what, opening.way_out)
