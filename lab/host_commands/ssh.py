"""ssh, from a host that sleeps to the one that keeps its release: what sshd would run there.

The forced command of the account runs with the other host's root. The names in the dial map tell
whose address is meant; there is no other way from host to host in the lab.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.host_commands.host import record, refuse, root

_VALUED = ("-F", "-i", "-p", "-o")
USER = "homelab-parcels"


def main(arguments: list[str]) -> int:
    """Run `courier.sh` on the host that the address leads to, for this host."""
    record("ssh", arguments)
    words = list(arguments)
    key = ""
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option not in _VALUED or not words:
            refuse("ssh", f"the lab does not know {option}", 255)
        value = words.pop(0)
        key = value if option == "-i" else key
    user, _, address = words.pop(0).partition("@")
    own, lab = root.parent.name, root.parents[2]
    dialled = json.loads((lab / "dial.json").read_text())["hosts"]
    if user != USER or address not in dialled:
        refuse("ssh", f"{user}@{address}: Permission denied (publickey).", 255)
    if Path(key).read_bytes() != (root.parent / "host_key").read_bytes():
        refuse("ssh", f"{user}@{address}: Permission denied (publickey).", 255)
    name = dialled[address]["name"]
    if _is_silent(lab / "hosts" / name, address):
        refuse("ssh", f"connect to host {address} port 22: Connection timed out", 255)
    there = lab / "hosts" / name / "root"
    # As tmpfiles makes it there.
    (there / "var/lib/homelab-parcels" / own / "told").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        ["bash", str(Path(__file__).parents[2] / "homelab/deploy/courier.sh"), own],
        env={
            **os.environ,
            "HOMELAB_ROOT": str(there),
            "SSH_CLIENT": f"{_same_network(address, own, dialled)} 50000 22",
            "SSH_ORIGINAL_COMMAND": " ".join(words),
        },
        stdin=sys.stdin,
        check=False,
    ).returncode


def _is_silent(host: Path, address: str) -> bool:
    try:
        connect = json.loads((host / "break.json").read_text()).get("connect")
    except FileNotFoundError:
        return False
    return connect in ("refuse", "asleep", address)


def _same_network(address: str, own: str, dialled: dict[str, dict[str, str]]) -> str:
    """This host's address on the network of that one: they begin alike."""
    mine = [a for a, d in dialled.items() if d["name"] == own]
    return max(mine, key=lambda a: a.split(".")[0] == address.split(".")[0])
