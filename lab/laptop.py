"""What the laptop lacks in the lab: the tools that know stored secrets.

A stored secret is a stand-in made from its name, so that a stack comes up without any key, and
the same value comes again in the next run. Nothing here ever decrypts.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

TOOLS = ("op", "sops")


def install(directory: Path) -> Path:
    """Put the stand-ins into a directory that goes first on PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        script = directory / tool
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lab.laptop {tool} "$@"\n')
        script.chmod(0o755)
    return directory


def stand_in(name: str) -> str:
    """The value that the lab has for a name: base64 of 32 bytes, so it serves as a key too."""
    return base64.b64encode(hashlib.sha256(f"homelab lab: {name}".encode()).digest()).decode()


def main(words: list[str]) -> int:
    """`sops decrypt --extract PATH FILE`, or `op read REFERENCE`."""
    wanted = [w for w in words[1:] if w.startswith(("[", "op://"))]
    if len(wanted) != 1:
        print(f"the lab's {words[0]} answers for one secret at a time", file=sys.stderr)
        return 2
    sys.stdout.write(stand_in(wanted[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
