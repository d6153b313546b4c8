"""Stand-ins for `sops` and `op` on the deployer, so that a rehearsal needs no key.

The value of a stored secret follows from its name, so it is the same in every run. Nothing is
decrypted.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = ("op", "sops")


def install(directory: Path) -> Path:
    """Write the stand-ins into a directory, to be put first on PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    # By file and without the packages around it: Python starts in half the time, and a rehearsal
    # asks for each secret.
    start = shlex.join([sys.executable, "-I", "-S", __file__])
    for tool in TOOLS:
        script = directory / tool
        script.write_text(f'#!/bin/sh\nexec {start} {tool} "$@"\n')
        script.chmod(0o755)
    return directory


def stand_in(name: str) -> str:
    """The lab's value for a secret: 64 hex digits. Cloud providers accept it as a token, and it is
    valid base64 of a key.
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
