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

from lab.state import StateError


def hold(path: Path) -> IO[str]:
    """Hold the file until it is closed, or this process ends.

    Raises StateError, with the number of the process that holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.open("a+", encoding="utf-8")
    held.seek(0)
    owner = held.read().strip()
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise StateError(
            f"another run (process {owner or 'unknown'}) has the hosts of {path.parent}; wait for "
            "it or stop it"
        ) from None
    held.truncate(0)
    held.write(str(os.getpid()))
    held.flush()
    return held


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
