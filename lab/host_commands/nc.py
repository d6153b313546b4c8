"""nc, for the one thing that hosts ask it: a question to their own resolver."""

from __future__ import annotations

import sys

from lab.host_commands.host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Answer a DNS question with one address, whatever the name."""
    record("nc", arguments)
    question = sys.stdin.buffer.read()
    if arguments != ["-u", "-w", "1", "127.0.0.1", "53"] or len(question) < 17:
        refuse("nc", f"the lab does not know {' '.join(arguments)}")
    if not silenced():
        # The id of the question, an answer without error, and one record.
        sys.stdout.buffer.write(question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00")
    return 0
