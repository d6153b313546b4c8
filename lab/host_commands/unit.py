"""A transient unit, as its files show it; `runner.py` is its process.

It needs neither signals between unrelated processes nor /proc, so it also runs on macOS.
"""

from __future__ import annotations

import fcntl
import os

from .host import root

UNITS = root / "run/lab-units"


class Unit:
    """The state of a unit, and requests to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = UNITS / name

    def make(self) -> None:
        """Claim the name."""
        self.folder.remove_files()
        self.folder.mkdir()

    def state(self) -> str:
        """`waiting` for its timer, `running`, or empty: not loaded."""
        try:
            return (self.folder / "state").read_text()
        except FileNotFoundError:
            return ""

    def loaded(self) -> bool:
        """Whether its process runs. After a crash only its files remain."""
        try:
            with open(self.folder / "pid", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def request(self, what: str) -> None:
        """Request `start` or `stop`."""
        try:
            (self.folder / what).touch()
        except FileNotFoundError:
            return  # the unit has ended

    def requested(self, what: str) -> bool:
        """Whether this is requested."""
        return (self.folder / what).exists()

    def set_state(self, state: str) -> None:
        """Set the unit's state. Only the unit calls it."""
        work = self.folder / "state.new"
        work.write_text(state)
        os.replace(work, self.folder / "state")
