"""nc, for what hosts ask it: a question to their own resolver, and whether a port answers."""

from __future__ import annotations

import sys

from homelab.lab.host_commands import neighbours
from homelab.lab.host_commands.host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Answer a DNS question with one address, whatever the name; or say whether a host is there."""
    record("nc", arguments)
    if arguments[:3] == ["-z", "-w", "5"] and len(arguments) == 5:
        other = neighbours.at(arguments[3])
        return 0 if other is not None and other.answers else 1
    question = sys.stdin.buffer.read()
    if arguments != ["-u", "-w", "1", "127.0.0.1", "53"] or len(question) < 17:
        refuse("nc", f"the lab does not know {' '.join(arguments)}")
    if not silenced():
        # The id of the question, an answer without error, and one record.
        sys.stdout.buffer.write(question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00")
    return 0
