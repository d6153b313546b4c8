"""flock -w SECONDS DESCRIPTOR, for machines without flock.

The lock belongs to the open file of the calling shell, so it remains after this process.
"""

from __future__ import annotations

import fcntl
import time

from .host import refuse


def main(arguments: list[str]) -> int:
    """Returns 0 if the lock is taken, 1 after the timeout."""
    match arguments:
        case ["-w", seconds, descriptor]:
            end = time.monotonic() + float(seconds)
        case _:
            refuse("flock", f"the lab knows only flock -w SECONDS DESCRIPTOR, not {arguments}", 64)
    while True:
        try:
            fcntl.flock(int(descriptor), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return 1
            time.sleep(0.02)
        else:
            return 0
