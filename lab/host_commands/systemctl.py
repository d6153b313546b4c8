"""systemctl, for transient units and for the state of other units."""

from __future__ import annotations

import os
import sys
import time

from .host import failed_units, fault_of, program, record, refuse, start_apart
from .unit import Unit

_STATES = ("--state=active", "--state=auto-restart", "--state=failed")


def main(arguments: list[str]) -> int:
    """Run one verb for some units. The highest result is the exit code, as with the real
    program.
    """
    record("systemctl", arguments)
    match arguments:
        case ["--no-block", "reboot"]:
            return _reboot()
        case ["is-system-running"]:
            print("degraded" if failed_units.exists() else "running")
            return 0
        case ["show", "--property=Id", "--property=NRestarts", "*.service"]:
            return 0  # no unit in the lab restarts by itself
        case (
            ["daemon-reload"]
            | ["show", "--property=TriggeredBy", "--value", _]
            | ["show", "--property", "TriggeredBy", "--value", _]
        ):
            return 0  # unit files and timers are those of the system, which the lab does not build
    options = {word for word in arguments if word.startswith("-")}
    words = [word for word in arguments if not word.startswith("-")]
    if words[:1] == ["list-units"]:
        return _list(options)
    if unknown := options - {"--quiet", "--no-block"}:
        refuse("systemctl", f"unrecognized option '{min(unknown)}'")
    verbs = {
        "start": _start,
        "stop": _stop,
        "is-active": _is_active,
        "is-failed": _is_failed,
        "reset-failed": _nothing,
    }
    verb, *names = words or [""]
    if verb not in verbs or not names:
        refuse("systemctl", f"the lab does not know {' '.join(arguments)}")
    return max(verbs[verb](name) for name in names)


def _is_ours(name: str) -> bool:
    """Whether it is a transient unit. The units of a system always run here, as in `is-active`."""
    return name.startswith("homelab-")


def _reboot() -> int:
    """Start a reboot in a separate process."""
    if start_apart() == 0:
        words = [sys.executable, "-S", "-E", "-s", str(program), "power"]
        os.execv(words[0], words)
    return 0


def _list(options: set[str]) -> int:
    """Print the units that failed in the last switch. The lab has no other units to list."""
    if unknown := options - {"--plain", "--no-legend", "--no-pager"} - set(_STATES):
        refuse("systemctl", f"unrecognized option '{min(unknown)}'")
    if "--state=failed" in options and failed_units.exists():
        for unit in failed_units.read_text().split():
            print(f"{unit} loaded failed failed")
    return 0


def _start(name: str) -> int:
    unit = Unit(name.removesuffix(".service"))
    if not unit.loaded():
        return _unloaded("start", name) if _is_ours(name) else 0
    unit.request("start")
    return 0


def _stop(name: str) -> int:
    stem, _, kind = name.rpartition(".")
    unit = Unit(stem)
    if not unit.loaded():
        return _unloaded("stop", name) if _is_ours(name) else 0
    # A waiting unit counts as its timer, a running one as its service.
    if (kind == "timer") == (unit.state() == "waiting"):
        unit.request("stop")
        while unit.loaded():
            time.sleep(0.01)
    return 0


def _is_active(name: str) -> int:
    stem, _, kind = name.rpartition(".")
    unit = Unit(stem)
    if stem.startswith("homelab-"):
        wanted = "waiting" if kind == "timer" else "running"
        return 0 if unit.loaded() and unit.state() == wanted else 3
    return 3 if fault_of("unit") == name else 0


def _is_failed(name: str) -> int:
    if fault_of("unit") != name:
        return 1
    print("failed")
    return 0


def _nothing(_name: str) -> int:
    return 0


def _unloaded(verb: str, name: str) -> int:
    if verb == "start":
        print(f"Failed to start {name}: Unit {name} not found.")
    return 5
