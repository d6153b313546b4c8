"""systemd-run: runs a command as a transient unit, now or after a delay."""

from __future__ import annotations

import os
import time

from .host import record, refuse, start_apart
from .runner import run
from .unit import Unit

_SWITCHES = {"--quiet", "--collect"}
_IGNORED = {"--service-type", "--timer-property", "--description"}
_PROPERTIES = {"KillMode", "TimeoutStopSec", "OOMScoreAdjust", "RuntimeMaxSec"}


def main(arguments: list[str]) -> int:
    """Start the unit's process, and return when its timer or its command has started."""
    record("systemd-run", [a for a in arguments if not a.startswith("--setenv=")])
    name, delay, stop_seconds = "", None, 90.0
    environment: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0] != "--":
        option, equals, value = rest.pop(0).partition("=")
        if option == "--unit":
            name = value
        elif option == "--on-active" and value.endswith("s"):
            delay = float(value[:-1])
        elif option == "--setenv" and equals:
            key, _, text = value.partition("=")
            environment[key] = text
        elif option == "--property" and value.partition("=")[0] in _PROPERTIES:
            if value.startswith("TimeoutStopSec="):
                stop_seconds = float(value.partition("=")[2])
        elif option not in _SWITCHES and option not in _IGNORED:
            refuse("systemd-run", f"unrecognized option '{option}'")
    command = rest[1:]
    if not name or not command or not command[0].startswith("/"):
        refuse("systemd-run", "the lab wants --unit=… and -- /absolute/command")
    unit = Unit(name)
    if unit.loaded():
        refuse("systemd-run", f"Unit {name}.service was already loaded or has a fragment file.")
    unit.make()
    runner = start_apart()
    if runner == 0:
        try:
            run(name, delay, stop_seconds, command, environment)
        finally:
            os._exit(0)
    while not unit.state() and os.waitpid(runner, os.WNOHANG) == (0, 0):
        time.sleep(0.002)
    return 0
