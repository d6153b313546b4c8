"""What every stand-in knows of its host: where the root is, what is broken, where to record."""

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
"""While it exists, the lab's SSH server for this host answers nobody."""
boot_id = root / "proc/sys/kernel/random/boot_id"
oneshot = root / "sys/firmware/efi/efivars/LoaderEntryOneShot"
"""What the next boot starts, where that is not the default."""
failed_units = root / "run/lab-failed-units"
"""Units that failed in the last switch, one on a line."""


def record(command: str, arguments: list[str], **more: str | int) -> None:
    """Write down what was asked. Never what came on standard input: that may be secret."""
    line = json.dumps({"at": time.time(), "command": command, "arguments": arguments, **more})
    with (root / "var/log/homelab-lab.jsonl").open("a") as log:
        log.write(line + "\n")


def broken(what: str) -> str:
    """How something of this host was broken on request; empty when it works."""
    try:
        found = json.loads((root.parent / "faults.json").read_text()).get(what, "")
    except FileNotFoundError:
        return ""
    return str(found)


def refuse(command: str, what: str, code: int = 1) -> NoReturn:
    """End as the real command would, saying why."""
    print(f"{command}: {what}", file=sys.stderr)
    sys.exit(code)


def link(path: Path, target: str | Path) -> None:
    """Point a symbolic link somewhere else in one step."""
    work = path.with_name(f".{path.name}.{os.getpid()}")
    work.symlink_to(target)
    work.replace(path)


def silenced() -> bool:
    """Whether what the host is for is down, or a new system has silenced it."""
    if (root / "run/lab-down").exists():
        return True
    new = profile.resolve() != current_system.resolve()
    return new and bool(broken("probe"))
