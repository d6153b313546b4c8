"""The lab host at an address, from the dial map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .host import lab, own


@dataclass(frozen=True)
class Neighbour:
    """A lab host at one of its addresses."""

    directory: Path
    address: str
    port: int
    """The loopback port of the address."""

    @property
    def answers(self) -> bool:
        """Whether a connection succeeds."""
        try:
            connect = json.loads((self.directory / "faults.json").read_text()).get("connect")
        except FileNotFoundError:
            connect = None
        lost = (self.directory / "root/run/lab-network-lost").exists()
        return not lost and connect not in ("refuse", "offline", self.address)


def at(address: str) -> Neighbour | None:
    """The host at this address, if there is one."""
    found = _dialled().get(address)
    if found is None:
        return None
    directory = Path(lab / "hosts" / str(found["name"]))
    return Neighbour(directory, address, int(found["port"]))


def own_address_towards(address: str) -> str:
    """This host's own address in the same network as the other address."""
    network = address.partition(".")[0]
    mine = [a for a, d in _dialled().items() if d["name"] == own.name]
    return max(mine, key=lambda a: a.partition(".")[0] == network)


def _dialled() -> dict[str, dict[str, str]]:
    hosts: dict[str, dict[str, str]] = json.loads((lab / "dial.json").read_text())["hosts"]
    return hosts
