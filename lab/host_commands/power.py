"""A restart: everything that runs ends, and firmware and boot loader start what they find.

Run by `systemctl reboot` as a process of its own, for none of the host's own lives through it.
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

from homelab.lab.host_commands.host import (
    boot_id,
    broken,
    current_system,
    failed_units,
    link,
    network_lost,
    oneshot,
    profile,
    record,
    root,
)
from homelab.lab.host_commands.unit import UNITS

_RESUME = Path(__file__).parents[2] / "deploy/resume-at-boot.sh"
_SECONDS = 1.0
"""How long the host is away: long enough for whoever asks it to notice."""


def main(_arguments: list[str]) -> int:
    """Go down, stay away for a moment, and come up with what the boot loader starts."""
    network_lost.touch()
    for pid in UNITS.glob("*/pid"):
        with contextlib.suppress(ValueError, ProcessLookupError, FileNotFoundError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
    time.sleep(_SECONDS)
    shutil.rmtree(UNITS, ignore_errors=True)
    failed_units.unlink(missing_ok=True)
    fault = broken("start")
    if fault == "never":
        return 0
    system = _started(comes_up=fault != "panic")
    record("boot", [system])
    link(current_system, system)
    link(root / "run/booted-system", system)
    boot_id.write_text(f"{secrets.token_hex(16)}\n")
    if fault == "lonely":
        return 0
    network_lost.unlink(missing_ok=True)
    run = [sys.executable, "-S", "-E", "-s", str(Path(__file__).with_name("__main__.py"))]
    words = ["--quiet", "--unit=homelab-resume", f"--setenv=HOMELAB_ROOT={root}"]
    path = f"--setenv=PATH={os.environ['PATH']}"
    bash = shutil.which("bash") or "/bin/bash"
    subprocess.run([*run, "systemd_run", *words, path, "--", bash, str(_RESUME)], check=False)
    return 0


def _started(*, comes_up: bool) -> str:
    """The system that is started; a one-shot entry counts once, also where it does not come up."""
    loader = root / "boot/loader"
    default = (loader / "loader.conf").read_text().split()[1]
    name = oneshot.read_text() if oneshot.exists() else default
    oneshot.unlink(missing_ok=True)
    system = _system(loader / "entries" / name)
    # What the profile names was confirmed once.
    if not comes_up and Path(system) != profile.resolve():
        return _system(loader / "entries" / default)
    return system


def _system(entry: Path) -> str:
    return entry.read_text().split("init=")[1].split("/init")[0]
