"""What the laptop lacks in the lab: the tools that know stored secrets.

A stored secret is a stand-in made from its name, so that a stack comes up without any key, and
the same value comes again in the next run. Nothing here ever decrypts.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

TOOLS = ("op", "sops")


def install(directory: Path) -> Path:
    """Put the stand-ins into a directory that goes first on PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        script = directory / tool
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m homelab.lab.laptop {tool} "$@"\n')
        script.chmod(0o755)
    return directory


def stand_in(name: str) -> str:
    """The value that the lab has for a name: 64 letters and digits, which a real cloud's provider
    takes for a token, and which are base64 of a key as well.
    """
    return hashlib.sha256(f"homelab lab: {name}".encode()).hexdigest()


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
