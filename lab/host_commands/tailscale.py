"""tailscale status, for one question only: whether the host is connected."""

from __future__ import annotations

from .host import record, refuse, silenced


def main(arguments: list[str]) -> int:
    """Print whether the daemon is connected. The lab has no peers."""
    record("tailscale", arguments)
    if arguments != ["status", "--json", "--peers=false"]:
        refuse("tailscale", f"the lab does not know {' '.join(arguments)}")
    state = "Stopped" if silenced() else "Running"
    print(f'{{\n  "BackendState": "{state}"\n}}')
    return 0
