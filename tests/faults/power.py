"""A computer's power: a QEMU process, and a new one after each reset."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.faults.channel import Channel
from tests.faults.machine import eventually

# A reset within the same emulating QEMU hangs about one time in ten. With `-no-reboot` QEMU ends
# instead and flushes the disks, as a reset keeps their data.
_LOOP = """
  power=$1 incoming=$2
  shift 2
  "$@" ${incoming:+-incoming "$incoming"} || exit
  while [ -e "$power" ]; do "$@" || exit; done
"""


class Power:
    """The power of the computer with its sockets in this directory."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._is_wanted = directory, directory / "power"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_on(self) -> bool:
        return self._process is not None

    def on(self, command: Sequence[str], incoming: str = "") -> None:
        """Run QEMU with this command. The first one loads a saved state, if given."""
        assert self._process is None, "it runs already"
        self._is_wanted.touch()
        with (self._directory / "qemu").open("ab") as said:
            self._process = subprocess.Popen(
                ["sh", "-c", _LOOP, "sh", str(self._is_wanted), incoming, *command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                process_group=0,
            )
        if incoming:
            eventually(lambda: self.tell("query-status")["status"] != "inmigrate", "it is on")
            # The state was saved while paused.
            self.tell("cont")

    def save(self, state: Path) -> None:
        """Save the machine's state to this file, and switch it off."""
        self.tell("stop")
        self.tell("migrate", uri=f"exec:cat >{state}")
        # Writing its memory is slow, because other tests use the same disk.
        done = "completed"
        eventually(lambda: self.tell("query-migrate")["status"] == done, "it is saved", 240)
        self._is_wanted.unlink()
        self.tell("quit")
        self._ends()

    def cut(self) -> None:
        """Cut the power."""
        assert self._process is not None, "it is off"
        os.killpg(self._process.pid, signal.SIGKILL)
        self._ends()

    def tell(self, execute: str, **arguments: object) -> dict[str, str]:
        """Send a command to QEMU's monitor. Returns its answer. After a reset, the monitor is a
        new one."""
        monitor = Channel(self._directory / "monitor")
        try:
            monitor.ask("qmp_capabilities")
            answer: dict[str, str] = monitor.ask(execute, **arguments)
        finally:
            monitor.close()
        return answer

    def _ends(self) -> None:
        assert self._process is not None
        group = self._process.pid
        self._process.wait(30)
        # The shell may end before QEMU has closed the disks.
        eventually(lambda: not _is_left(group), "it is off")
        self._process = None
        for name in ("monitor", "agent"):
            (self._directory / name).unlink(missing_ok=True)


def _is_left(group: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
