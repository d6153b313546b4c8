"""Hosts and their systems: what the stack config says, and what the plan knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.config.hosts import HomeManagerHost, NixosHost, Role, State

RUNNING: tuple[State, ...] = ("live", "held")
"""States of hosts that services run on."""


def nixos_hosts(hosts: Mapping[str, NixosHost | HomeManagerHost]) -> dict[str, NixosHost]:
    """The hosts whose whole system is ours, by name."""
    return {name: host for name, host in sorted(hosts.items()) if isinstance(host, NixosHost)}


@dataclass(frozen=True)
class Host:
    """A machine as the plan knows it."""

    name: str
    config: NixosHost
    """What the stack config says of it; of a home-manager host, with nothing said of its system."""
    release: str
    always_on: bool
    source: str
    is_nixos: bool = True
    """Whether the whole system is ours to build."""

    @property
    def lan(self) -> str:
        """LAN address, or empty."""
        return str(self.config.address.lan or "")

    @property
    def tailnet(self) -> str:
        """Tailnet address, or empty."""
        return str(self.config.address.tailnet or "")

    @property
    def role(self) -> Role:
        """The host's role."""
        return self.config.role

    @property
    def is_deployed(self) -> bool:
        """Whether an `up` brings this host in step."""
        return self.is_nixos and self.config.state in ("live", "retired")
