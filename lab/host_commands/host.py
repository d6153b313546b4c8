"""Facts for every stand-in: the host's root, its faults, the log of calls."""

from __future__ import annotations

import os
import sys
import time

from .file import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

root = File(os.environ.get("HOMELAB_ROOT", ""))
if not os.path.isabs(root):
    sys.exit("lab: HOMELAB_ROOT is not set here; a unit gets it by systemd-run --setenv")

own = root.parent
"""The host's directory; its name is the host's."""
lab = own.parent.parent
commands = lab / "bin"
profile = root / "nix/var/nix/profiles/system"
current_system = root / "run/current-system"
network_lost = root / "run/lab-network-lost"
"""While this file exists, the lab's SSH server for this host refuses connections."""
boot_id = root / "proc/sys/kernel/random/boot_id"
oneshot = root / "sys/firmware/efi/efivars/LoaderEntryOneShot"
"""The entry of the next boot, if it is not the default."""
failed_units = root / "run/lab-failed-units"
"""Units that failed in the last switch, one per line."""
program = File(__file__).parent / "__main__.py"


def record(command: str, arguments: list[str], **more: str | int) -> None:
    """Record a call, without its standard input, which may be secret."""
    facts = [("at", repr(time.time())), ("command", _json(command))]
    facts.append(("arguments", f"[{', '.join(map(_json, arguments))}]"))
    facts += [(k, str(v) if isinstance(v, int) else _json(v)) for k, v in more.items()]
    line = ", ".join(f'"{key}": {value}' for key, value in facts)
    with open(root / "var/log/homelab-lab.jsonl", "a", encoding="utf-8") as log:
        log.write(f"{{{line}}}\n")


def _json(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def fault_of(what: str) -> str:
    """The value of this entry in `faults.json`, or an empty text."""
    try:
        text = (own / "faults.json").read_text()
    except FileNotFoundError:
        return ""
    import json

    return str(json.loads(text).get(what, ""))


def refuse(command: str, what: str, code: int = 1) -> NoReturn:
    """Print the reason and exit as the real command does."""
    print(f"{command}: {what}", file=sys.stderr)
    sys.exit(code)


def silenced() -> bool:
    """Whether the host's services do not answer."""
    if (root / "run/lab-down").exists():
        return True
    new = profile.resolve() != current_system.resolve()
    return new and bool(fault_of("probe"))


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the one that listed them


def start_apart() -> int:
    """Fork a process that outlives this one and shares nothing with it but the environment.

    Returns 0 in the new process, and there its id in this one.
    """
    pid = os.fork()
    if pid == 0:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        # A lock that the caller holds must not outlive it here.
        for name in os.listdir("/dev/fd"):
            if int(name) > 2:
                _close(int(name))
    return pid
