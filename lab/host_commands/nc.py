"""nc, for two questions only: a query to the host's own resolver, and whether a port answers."""

from __future__ import annotations

import sys

from .host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Answer any DNS query with one address, or report whether a host answers."""
    record("nc", arguments)
    if arguments[:3] == ["-z", "-w", "5"] and len(arguments) == 5:
        from . import neighbours

        other = neighbours.at(arguments[3])
        return 0 if other is not None and other.answers else 1
    question = sys.stdin.buffer.read()
    if arguments != ["-u", "-w", "1", "127.0.0.1", "53"] or len(question) < 17:
        refuse("nc", f"the lab does not know {' '.join(arguments)}")
    if not silenced():
        # The id of the query, an answer without error, and one record.
        sys.stdout.buffer.write(question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00")
    return 0
