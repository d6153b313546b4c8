"""flock -w SECONDS DESCRIPTOR, for laptops that have none.

The lock belongs to the open file that the calling shell shares with us, so it outlives us.
"""

from __future__ import annotations

import fcntl
import time

from homelab.lab.host_commands.host import refuse


def main(arguments: list[str]) -> int:
    """0 with the lock taken, 1 when the time ran out."""
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
