"""A system's switch-to-configuration: changes the running system and the boot loader's entries.

Faults of an activation take effect here, as on a real host.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time

from .file import File
from .host import (
    current_system,
    failed_units,
    fault_of,
    network_lost,
    profile,
    record,
    root,
)
from .nix_env import generation_link, generations


def main(arguments: list[str]) -> int:
    """Run one action of the system in the first argument."""
    system, *rest = arguments
    record("switch-to-configuration", arguments)
    match rest:
        case ["check" | "test" | "boot" | "switch" | "dry-activate" as action]:
            pass
        case _:
            words = "check|switch|boot|test|dry-activate"
            print(f"Usage: switch-to-configuration [{words}]", file=sys.stderr)
            return 1
    if action == "check":
        return 0
    if action == "dry-activate":
        print("would activate the configuration...")
        return 0
    with open(root / "run/lab-switch.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Could not acquire lock", file=sys.stderr)
            return 1
        # The system in the profile was confirmed before. Faults affect only a new one.
        new = profile.resolve() != system
        if action in ("boot", "switch") and (code := _boot(system)):
            return code
        return _activate(system, new) if action in ("test", "switch") else 0


def _boot(system: str) -> int:
    """Write an entry for each generation, with this system as the default."""
    loader = root / "boot/loader"
    default = ""
    for number in generations():
        generation = File(generation_link(number).readlink())
        entry = loader / "entries" / f"{generation.name}.conf"
        if not entry.exists():
            # An entry that exists needs no space.
            if fault_of("boot"):
                print("error: No space left on device: /boot", file=sys.stderr)
                return 1
            entry.parent.mkdir()
            entry.write_text(f"title NixOS\noptions init={generation}/init\n")
        if str(generation) == system:
            default = entry.name
    if not default:
        print(f"error: {system} is no generation", file=sys.stderr)
        return 1
    work = loader / "loader.conf.new"
    work.write_text(f"default {default}\n")
    os.replace(work, loader / "loader.conf")
    return 0


def _can_activate(system: File) -> bool:
    """Whether the system can be activated without a boot: both init interfaces are equal or
    unknown.
    """
    name = "init-interface-version"
    both = [path / name for path in (system, current_system)]
    return not all(p.exists() for p in both) or both[0].read_text() == both[1].read_text()


def _activate(system: str, new: bool) -> int:
    if not _can_activate(File(system)):
        print("the new system has another init; it can only be booted", file=sys.stderr)
        return 100
    print(f"activating the configuration... ({File(system).name})", flush=True)
    current_system.link_to(system)
    network_lost.unlink()
    failed_units.unlink()
    fault = fault_of("activate") if new else ""
    if new and fault_of("confirm") == "refuse-connections":
        network_lost.touch()
    if fault == "hang":
        print("starting the following units: hung.service", flush=True)
        time.sleep(3600)
    if fault == "fail":
        failed_units.write_text("broken.service\n")
        print("warning: the following units failed: broken.service", file=sys.stderr)
        return 4
    return 0
