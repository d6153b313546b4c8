"""curl, for one question only: the HTTP status of an app on this host.

No apps run in the lab. They answer, unless the fault `services-stop` is active.
"""

from __future__ import annotations

from .host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Print the expected status."""
    record("curl", arguments)
    words = list(arguments)
    for option, values in {"-sk": 0, "-o": 1, "--max-time": 1, "--resolve": 1, "-w": 1}.items():
        if option in words:
            at = words.index(option)
            del words[at : at + 1 + values]
    if len(words) != 1 or not words[0].startswith(("http://", "https://")):
        refuse("curl", f"the lab does not know {' '.join(arguments)}")
    if silenced():
        print("000")
        return 7
    print("200")
    return 0
