"""The process of a transient unit: waits, runs the command, and follows requests to the unit."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time

from .host import record, root
from .unit import Unit

_BEAT = 0.02
# A unit inherits no environment. systemd-run passes what it needs.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def run(
    name: str, delay: float | None, stop_seconds: float, command: list[str], given: dict[str, str]
) -> None:
    """Run the unit until its end.

    `delay` is its timer's, in seconds. `stop_seconds` is the time to end after SIGTERM. `given` is
    the environment of the command.
    """
    unit = Unit(name)
    held = open(unit.folder / "pid", "w", encoding="utf-8")
    # A process id may belong to another process later. The lock ends with this process.
    fcntl.flock(held, fcntl.LOCK_EX)
    held.write(str(os.getpid()))
    held.flush()
    # The lab ends its units with SIGTERM, and their commands end with them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if delay is None or _wait(unit, delay):
            code = _run(unit, command, given, stop_seconds)
            record("unit-ended", [name], exit=code)
    finally:
        unit.folder.remove_files()


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
    journal.mkdir()
    log = os.open(journal / f"{unit.name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    begun, begins = os.pipe()
    process = _Command(os.fork())
    if process.pid == 0:
        _become(command, given, log)
    os.close(log)
    os.close(begins)
    # It ends with the exec, so from here on the command leads a process group.
    os.read(begun, 1)
    os.close(begun)
    try:
        unit.set_state("running")
        while not process.ended():
            if unit.requested("stop"):
                os.kill(process.pid, signal.SIGTERM)
                end = time.monotonic() + stop_seconds
                while not process.ended() and time.monotonic() < end:
                    time.sleep(_BEAT)
                break
            time.sleep(_BEAT)
    finally:
        # KillMode=mixed: processes that the command left behind end with it.
        _kill_group(process.pid)
    while not process.ended():
        time.sleep(_BEAT)
    return process.code


class _Command:
    """A child process. It stays a zombie until it is asked for, so its id is not given again."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code = 0
        """Its exit code, or the negative number of the signal that ended it."""
        self._ended = False

    def ended(self) -> bool:
        """Whether it has ended."""
        if not self._ended:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended, self.code = True, os.waitstatus_to_exitcode(status)
        return self._ended


def _become(command: list[str], given: dict[str, str], log: int) -> None:
    """Replace this process by the command, in a session of its own."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(root)
        os.execve(command[0], command, {**_ENVIRONMENT, **given})
    finally:
        # Not the clean-up of the process that this one was forked from.
        os._exit(203)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
