"""A transient unit: a small process that waits, runs a command, and is asked to stop by files.

No signals between strangers and no /proc, so that it works wherever Python does.
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
# A unit inherits nothing; what it needs, systemd-run must give it.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class Unit:
    """What anyone can see of a unit, and ask of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = UNITS / name

    def make(self) -> None:
        """Claim the name."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def state(self) -> str:
        """`waiting` for its time, `running`, or empty: not there."""
        try:
            return (self.folder / "state").read_text()
        except FileNotFoundError:
            return ""

    def loaded(self) -> bool:
        """Whether its process lives; one that a crash took leaves only its files."""
        try:
            with (self.folder / "pid").open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def ask(self, what: str) -> None:
        """`start` or `stop`, from whoever is not the unit."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / what).touch()

    def asked(self, what: str) -> bool:
        """Whether somebody has asked for it."""
        return (self.folder / what).exists()

    def is_now(self, state: str) -> None:
        """Tell whoever looks; only the unit itself does."""
        work = self.folder / "state.new"
        work.write_text(state)
        work.replace(self.folder / "state")


def main(arguments: list[str]) -> int:
    """Be the unit, from its arming to its end."""
    name, text = arguments
    spec = json.loads(text)
    unit = Unit(name)
    held = (unit.folder / "pid").open("w")
    # A number alone may belong to a stranger once this process is gone; the lock cannot.
    fcntl.flock(held, fcntl.LOCK_EX)
    held.write(str(os.getpid()))
    held.flush()
    # The lab ends its units so; whatever they run ends with them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if spec["delay"] is None or _wait(unit, float(spec["delay"])):
            code = _run(unit, spec["command"], spec["environment"], float(spec["stop"]))
            record("unit-ended", [name], exit=code)
    finally:
        shutil.rmtree(unit.folder, ignore_errors=True)
    return 0


def _wait(unit: Unit, seconds: float) -> bool:
    unit.is_now("waiting")
    end = time.monotonic() + seconds
    while time.monotonic() < end and not unit.asked("start"):
        if unit.asked("stop"):
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
        unit.is_now("running")
        while process.poll() is None:
            if unit.asked("stop"):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(stop_seconds)
                break
            time.sleep(_BEAT)
    finally:
        # KillMode=mixed: whatever the command leaves behind ends with it.
        _kill_group(process.pid)
    return process.wait()


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
