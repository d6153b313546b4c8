"""Files that say which process of a lab is alive: held for as long as it is.

A number in a file may by now belong to a stranger; the kernel's lock on the file cannot.
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
    """A file that this process holds, until it lets go or ends."""

    def __init__(self, file: IO[str], owner: str) -> None:
        self._file = file
        self.was_left = bool(owner)
        """Whether whoever held it before was killed: its number still stands there."""

    def let_go(self) -> None:
        """Let the next one have it, and know that nobody was killed."""
        self._file.truncate(0)
        self._file.close()


def hold(path: Path) -> Held:
    """Hold the file until it is let go, or this process ends.

    Raises StateError, with the number of the process that holds it.
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
            f"another run (process {owner or 'unknown'}) has {path.parent}; wait for it or stop it"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return Held(file, owner)


def private(path: str, flags: int) -> int:
    """Open a file that nobody else may read."""
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
    """Ask the process of a unit to end, by the file that it holds; a stale one means nobody."""
    if is_held(pid):
        with contextlib.suppress(ValueError, ProcessLookupError, FileNotFoundError):
            os.kill(int(pid.read_text(encoding="utf-8")), signal.SIGTERM)
