"""Lock files that show whether a process of a lab is alive.

A process id in a file may belong to another process by now. The kernel's lock on the file ends with
its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import IO

from homelab.lab.errors import StateError


class Held:
    """A lock file that this process holds until it releases the lock or ends."""

    def __init__(self, file: IO[str], owner: str) -> None:
        self._file = file
        self.was_left = bool(owner)
        """Whether the previous holder was killed: its process id is still in the file."""

    def let_go(self) -> None:
        """Release the lock and empty the file, so that the next holder sees a regular end."""
        self._file.truncate(0)
        self._file.close()


def hold(path: Path) -> Held:
    """Lock the file until it is released or this process ends.

    Raises StateError, with the id of the process that holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    file = os.fdopen(private(str(path), flags), "a+", encoding="utf-8")
    file.seek(0)
    owner = file.read().strip()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StateError(
            f"another run (process {owner or 'unknown'}) uses {path.parent}; wait for it or stop it"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return Held(file, owner)


def private(path: str, flags: int) -> int:
    """Open a file that only its owner may read."""
    return os.open(path, flags, 0o600)


def is_held(path: Path) -> bool:
    """Whether a living process holds the file."""
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def end_unit(pid: Path) -> None:
    """Send SIGTERM to the process of a unit that holds this lock file. A stale file is ignored."""
    if is_held(pid):
        with contextlib.suppress(ValueError, ProcessLookupError, FileNotFoundError):
            os.kill(int(pid.read_text(encoding="utf-8")), signal.SIGTERM)
