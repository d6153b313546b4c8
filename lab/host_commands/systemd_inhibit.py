"""systemd-inhibit: records the inhibited actions, and runs the command."""

from __future__ import annotations

import os

from .host import record, refuse

_OPTIONS = ("--what=", "--who=", "--why=")


def main(arguments: list[str]) -> int:
    """Replace this process by the command."""
    record("systemd-inhibit", arguments)
    command = [word for word in arguments if not word.startswith(_OPTIONS)]
    if not command or command[0].startswith("-"):
        refuse("systemd-inhibit", f"the lab does not know {' '.join(arguments)}")
    os.execvp(command[0], command)
