"""tailscale status, for the one thing that hosts ask it: whether they are connected."""

from __future__ import annotations

import json

from homelab.lab.host_commands.host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Say whether the daemon is connected; there are no peers in the lab."""
    record("tailscale", arguments)
    if arguments != ["status", "--json", "--peers=false"]:
        refuse("tailscale", f"the lab does not know {' '.join(arguments)}")
    print(json.dumps({"BackendState": "Stopped" if silenced() else "Running"}, indent=2))
    return 0
