"""`wake-<host>`: wakes an offline host, which then answers."""

from __future__ import annotations

import json
from pathlib import Path

from .host import lab, record


def main(arguments: list[str]) -> int:
    """Wake the host of this name. Other faults remain."""
    (name,) = arguments
    record(f"wake-{name}", [])
    path = Path(lab / "hosts" / name / "faults.json")
    try:
        faults = json.loads(path.read_text())
    except FileNotFoundError:
        return 0
    if faults.get("connect") == "offline":
        work = path.with_suffix(".woken")
        work.write_text(json.dumps({k: v for k, v in faults.items() if k != "connect"}))
        work.replace(path)
    return 0
