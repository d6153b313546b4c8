"""ssh, from an offline host to its relay: runs the forced command that sshd would run there.

The command runs with the relay's root. The key identifies the offline host.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from . import neighbours
from .host import own, record, refuse

_USER = "homelab-bundles"
_VALUED = ("-F", "-i", "-p", "-o")


def main(arguments: list[str]) -> int:
    """Run `relay.sh` on the host at the address, for this host."""
    record("ssh", arguments)
    words, key = list(arguments), ""
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option not in _VALUED or not words:
            refuse("ssh", f"the lab does not know {option}", 255)
        value = words.pop(0)
        key = value if option == "-i" else key
    user, _, address = words.pop(0).partition("@")
    other = neighbours.at(address)
    if other is None or not other.answers:
        refuse("ssh", f"connect to host {address} port 22: Connection timed out", 255)
    if user != _USER or Path(key).read_bytes() != Path(own / "host_key").read_bytes():
        refuse("ssh", f"{user}@{address}: Permission denied (publickey).", 255)
    there = other.directory / "root"
    # As tmpfiles creates it on the relay.
    (there / "var/lib/homelab-bundles" / own.name / "report").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        ["bash", str(Path(__file__).parents[2] / "offline/relay.sh"), own.name],
        env={
            **os.environ,
            "HOMELAB_ROOT": str(there),
            "SSH_CLIENT": f"{neighbours.own_address_towards(address)} 50000 22",
            "SSH_ORIGINAL_COMMAND": " ".join(words),
        },
        stdin=sys.stdin,
        check=False,
    ).returncode
