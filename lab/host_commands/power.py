"""A reboot: all processes end, and the boot loader starts its entry.

`systemctl reboot` runs it as a separate process, because it ends all processes of the host.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from .file import File
from .host import (
    boot_id,
    current_system,
    failed_units,
    fault_of,
    network_lost,
    oneshot,
    profile,
    program,
    record,
    root,
)
from .unit import UNITS

_RESUME = Path(__file__).parents[2] / "deploy/resume-at-boot.sh"
_SECONDS = 1.0
"""Seconds that the host is down, long enough for clients to notice."""


def main(_arguments: list[str]) -> int:
    """Go down, wait, and come up with the system that the boot loader starts."""
    network_lost.touch()
    for unit in UNITS.names():
        with contextlib.suppress(ValueError, ProcessLookupError, FileNotFoundError):
            os.kill(int((UNITS / unit / "pid").read_text()), signal.SIGTERM)
    time.sleep(_SECONDS)
    shutil.rmtree(UNITS, ignore_errors=True)
    failed_units.unlink()
    fault = fault_of("start")
    if fault == "never":
        return 0
    system = _started(comes_up=fault != "panic")
    record("boot", [system])
    current_system.link_to(system)
    (root / "run/booted-system").link_to(system)
    boot_id.write_text(f"{secrets.token_hex(16)}\n")
    if fault == "lonely":
        return 0
    network_lost.unlink()
    run = [sys.executable, "-S", "-E", "-s", str(program)]
    words = ["--quiet", "--unit=homelab-resume", f"--setenv=HOMELAB_ROOT={root}"]
    path = f"--setenv=PATH={os.environ['PATH']}"
    bash = shutil.which("bash") or "/bin/bash"
    subprocess.run([*run, "systemd_run", *words, path, "--", bash, str(_RESUME)], check=False)
    return 0


def _started(*, comes_up: bool) -> str:
    """The system that is started. A one-shot entry is used once, even if its system does not
    come up.
    """
    loader = root / "boot/loader"
    default = (loader / "loader.conf").read_text().split()[1]
    name = oneshot.read_text() if oneshot.exists() else default
    oneshot.unlink()
    system = _system(loader / "entries" / name)
    # The system in the profile was confirmed before, so it starts.
    if not comes_up and system != profile.resolve():
        return _system(loader / "entries" / default)
    return system


def _system(entry: File) -> str:
    return entry.read_text().split("init=")[1].split("/init")[0]
