"""Facts for every stand-in: the host's root, its faults, the log of calls."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

root = Path(os.environ.get("HOMELAB_ROOT", ""))
if not root.is_absolute():
    sys.exit("lab: HOMELAB_ROOT is not set here; a unit gets it by systemd-run --setenv")

commands = root.parents[2] / "bin"
profile = root / "nix/var/nix/profiles/system"
current_system = root / "run/current-system"
network_lost = root / "run/lab-network-lost"
"""While this file exists, the lab's SSH server for this host refuses connections."""
boot_id = root / "proc/sys/kernel/random/boot_id"
oneshot = root / "sys/firmware/efi/efivars/LoaderEntryOneShot"
"""The entry of the next boot, if it is not the default."""
failed_units = root / "run/lab-failed-units"
"""Units that failed in the last switch, one per line."""


def record(command: str, arguments: list[str], **more: str | int) -> None:
    """Record a call, without its standard input, which may be secret."""
    line = json.dumps({"at": time.time(), "command": command, "arguments": arguments, **more})
    with (root / "var/log/homelab-lab.jsonl").open("a") as log:
        log.write(line + "\n")


def fault_of(what: str) -> str:
    """The value of this entry in `faults.json`, or an empty text."""
    try:
        found = json.loads((root.parent / "faults.json").read_text()).get(what, "")
    except FileNotFoundError:
        return ""
    return str(found)


def refuse(command: str, what: str, code: int = 1) -> NoReturn:
    """Print the reason and exit as the real command does."""
    print(f"{command}: {what}", file=sys.stderr)
    sys.exit(code)


def link(path: Path, target: str | Path) -> None:
    """Replace a symbolic link atomically."""
    work = path.with_name(f".{path.name}.{os.getpid()}")
    work.symlink_to(target)
    work.replace(path)


def silenced() -> bool:
    """Whether the host's services do not answer."""
    if (root / "run/lab-down").exists():
        return True
    new = profile.resolve() != current_system.resolve()
    return new and bool(fault_of("probe"))
