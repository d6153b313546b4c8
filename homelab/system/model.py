"""Hosts in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.config.homes import HomeConfig
from homelab.config.hosts import HomeManagerHost, NixosHost, Role, State
from homelab.config.people import Account
from homelab.disks.model import FileSystem, SwapSpace, containing

RUNNING: tuple[State, ...] = ("live", "held")
"""States of hosts that services run on."""


def nixos_hosts(hosts: Mapping[str, NixosHost | HomeManagerHost]) -> dict[str, NixosHost]:
    """The NixOS hosts, by name."""
    return {name: host for name, host in sorted(hosts.items()) if isinstance(host, NixosHost)}


@dataclass(frozen=True)
class MemberAccount:
    """The account of a member on a host."""

    user: str
    config: Account

    @property
    def source(self) -> str:
        """Its place in the stack config."""
        return f"site.members.{self.user}.account"

    @property
    def secret(self) -> tuple[str, str]:
        """Service and name of the secret with its password hash."""
        return "member", f"{self.user}-password"


@dataclass(frozen=True)
class Jump:
    """The host through which the deployer connects to another one."""

    host: str
    address: str
    port: int
    user: str
    host_key: str


@dataclass(frozen=True)
class Host:
    """A host in the plan."""

    name: str
    config: NixosHost
    """Its stack config; for a home-manager host, with defaults for the system's fields."""
    release: str
    always_on: bool
    source: str
    members: tuple[MemberAccount, ...] = ()
    """Accounts of members."""
    homes: tuple[tuple[str, HomeConfig], ...] = ()
    """(user, what the stack says of their home), for those who have it on this host."""
    is_nixos: bool = True
    """Whether homelab builds its whole system; false for a home-manager host."""
    file_systems: tuple[FileSystem, ...] = ()
    """File systems of the stack config, by mount point."""
    swap: SwapSpace | None = None
    jump: Jump | None = None

    @property
    def may_serve(self) -> bool:
        """Whether others may rely on it: a NixOS host that is not in quarantine."""
        return self.is_nixos and self.role != "agent"

    @property
    def lan(self) -> str:
        """LAN address, or empty."""
        return str(self.config.address.lan or "")

    @property
    def tailnet(self) -> str:
        """Tailnet address, or empty."""
        return str(self.config.address.tailnet or "")

    @property
    def public(self) -> str:
        """Address or DNS name on the internet, or empty."""
        return self.config.address.public or ""

    @property
    def addresses(self) -> dict[str, str]:
        """Its addresses by kind (`lan`, `tailnet`, `public`), in the order in which they are
        dialled; those that are set.
        """
        stated = {"lan": self.lan, "tailnet": self.tailnet, "public": self.public}
        return {kind: address for kind, address in stated.items() if address}

    @property
    def address(self) -> str:
        """The address that is dialled first, or empty."""
        return next(iter(self.addresses.values()), "")

    @property
    def may_be_at_home(self) -> bool:
        """Whether it is in the LAN, at least at times: a host with no other address than one on the
        internet never is.
        """
        return bool(self.lan) or not self.public

    def address_at(self, network: str) -> str:
        """Place of its address in a network (`lan`, `tailnet`); of all if it has none at all."""
        source = f"{self.source}.address"
        return f"{source}.{network}" if self.addresses else source

    def file_system_of(self, path: str) -> FileSystem | None:
        """The file system of the stack config that contains a path; None if it has none there.
        The hardware module may mount another one.
        """
        return containing(self.file_systems, path)

    @property
    def role(self) -> Role:
        """The host's role."""
        return self.config.role

    @property
    def member_homes(self) -> tuple[tuple[str, str, str], ...]:
        """(user, home-manager module, its place in the stack config) of members."""
        found = ((m.user, m.config.home, f"{m.source}.home") for m in self.members)
        return tuple((user, path, place) for user, path, place in found if path is not None)

    @property
    def is_deployed(self) -> bool:
        """Whether `up` deploys to this host."""
        return self.is_nixos and self.config.state in ("live", "retired")
