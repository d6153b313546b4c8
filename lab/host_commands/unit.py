"""A transient unit: a process that waits, runs a command, and is started and stopped by files.

It needs neither signals between unrelated processes nor /proc, so it also runs on macOS.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from homelab.lab.host_commands.host import record, root

UNITS = root / "run/lab-units"
_BEAT = 0.02
# A unit inherits no environment. systemd-run passes what it needs.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class Unit:
    """The state of a unit, and requests to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = UNITS / name

    def make(self) -> None:
        """Claim the name."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def state(self) -> str:
        """`waiting` for its timer, `running`, or empty: not loaded."""
        try:
            return (self.folder / "state").read_text()
        except FileNotFoundError:
            return ""

    def loaded(self) -> bool:
        """Whether its process runs. After a crash only its files remain."""
        try:
            with (self.folder / "pid").open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def request(self, what: str) -> None:
        """Request `start` or `stop`."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / what).touch()

    def requested(self, what: str) -> bool:
        """Whether this is requested."""
        return (self.folder / what).exists()

    def set_state(self, state: str) -> None:
        """Set the unit's state. Only the unit calls it."""
        work = self.folder / "state.new"
        work.write_text(state)
        work.replace(self.folder / "state")


def main(arguments: list[str]) -> int:
    """Run the unit until its end."""
    name, text = arguments
    spec = json.loads(text)
    unit = Unit(name)
    held = (unit.folder / "pid").open("w")
    # A process id may belong to another process later. The lock ends with this process.
    fcntl.flock(held, fcntl.LOCK_EX)
    held.write(str(os.getpid()))
    held.flush()
    # The lab ends its units with SIGTERM, and their commands end with them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if spec["delay"] is None or _wait(unit, float(spec["delay"])):
            code = _run(unit, spec["command"], spec["environment"], float(spec["stop"]))
            record("unit-ended", [name], exit=code)
    finally:
        shutil.rmtree(unit.folder, ignore_errors=True)
    return 0


def _wait(unit: Unit, seconds: float) -> bool:
    unit.set_state("waiting")
    end = time.monotonic() + seconds
    while time.monotonic() < end and not unit.requested("start"):
        if unit.requested("stop"):
            return False
        time.sleep(_BEAT)
    return True


def _run(unit: Unit, command: list[str], given: dict[str, str], stop_seconds: float) -> int:
    journal = root / "var/log/journal"
    journal.mkdir(exist_ok=True)
    with (journal / f"{unit.name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**_ENVIRONMENT, **given},
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    try:
        unit.set_state("running")
        while process.poll() is None:
            if unit.requested("stop"):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(stop_seconds)
                break
            time.sleep(_BEAT)
    finally:
        # KillMode=mixed: processes that the command left behind end with it.
        _kill_group(process.pid)
    return process.wait()


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
