"""Services: what the plan knows of one, once it is placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.catalog.model import Entry
from homelab.config.hardening import ServiceHardening
from homelab.config.hosts import Role
from homelab.config.lock import Placement
from homelab.config.service_parts import Container, Control, Flake, ServiceSecret
from homelab.config.services import (
    ContainerService,
    FlakeService,
    NativeService,
    ServiceConfig,
    datasets_of,
    is_custom,
    secrets_of,
    vpn_of,
)
from homelab.config.vpn import ServiceVpn
from homelab.network.model import LOOPBACK, PortUse
from homelab.vpn.model import Namespace


@dataclass(frozen=True)
class Memory:
    """What the lock remembers of a service."""

    key: str
    """Its key in the lock."""
    name: str
    """What it was called."""
    host: str
    """Where it was, by the name that the machine has now."""
    placement: Placement


@dataclass(frozen=True)
class Service:
    """One service on one host, with everything that follows from placing it there."""

    name: str
    host: str
    config: ServiceConfig
    entry: Entry
    ports: tuple[PortUse, ...]
    port: int
    """Web port; 0 for a service without one."""
    bind: str
    """Address the web port is bound to: 127.0.0.1, or 0.0.0.0 where another host calls it and the
    firewall is the boundary."""
    callers: tuple[str, ...]
    """Hosts that call its web port."""
    asks: tuple[str, ...]
    """Services that it calls: those that it says it uses, and those that it reads by itself."""
    bridges: Mapping[str, tuple[str, ...]]
    """Containers of its own host that call it, by the interface that they come by."""
    state: tuple[str, ...]
    release: str
    source: str
    called_at: tuple[str, ...] = ()
    """Addresses of its host that those hosts dial; empty where nobody calls."""
    role: Role = "workhorse"
    """Role of its host."""
    namespace: Namespace | None = None
    """The network namespace that it runs in; none for the host's own network."""
    memory: Memory | None = None
    """What the lock remembers of it; none for one that it has never seen."""
    owner: str = ""
    """What its secrets are derived for: the name by which it was first seen. What they encrypted
    stays readable when it moves, is renamed or gets a second instance."""

    def at(self, field: str) -> str:
        """The place of a field of its own: under `services`, whichever section asks for it."""
        return f"services.{self.name}.{field}"

    @property
    def host_at(self) -> str:
        """The place that says its host."""
        first, *rest = self.source.split(".")
        if first == "hosts":
            return self.source
        return f"datasets.{rest[0]}.host" if first == "datasets" else f"{self.source}.host"

    @property
    def address(self) -> str:
        """Where its own host finds it, if it listens there."""
        return self.namespace.inside if self.namespace else LOOPBACK

    @property
    def is_outside_only(self) -> bool:
        """A container that others call is published on its host's own addresses alone."""
        return self.container is not None and bool(self.callers)

    @property
    def is_custom(self) -> bool:
        """Whether the stack config alone describes it."""
        return is_custom(self.config)

    @property
    def container(self) -> Container | None:
        """Its container, for one that is a container."""
        return self.config.container if isinstance(self.config, ContainerService) else None

    @property
    def flake(self) -> Flake | None:
        """Its module, for one that comes from a flake."""
        return self.config.flake if isinstance(self.config, FlakeService) else None

    @property
    def datasets(self) -> Mapping[str, str]:
        """The datasets that it uses, by their part."""
        return datasets_of(self.config)

    @property
    def secrets(self) -> Mapping[str, ServiceSecret]:
        """The secrets that the stack config says of it."""
        return secrets_of(self.config)

    @property
    def harden(self) -> ServiceHardening:
        """Its exceptions from the baseline; a container has none."""
        config = self.config
        return config.harden if isinstance(config, NativeService) else ServiceHardening()

    @property
    def may_control(self) -> Control | None:
        """Units that it may start and stop."""
        return self.config.may_control if isinstance(self.config, NativeService) else None

    @property
    def vpn(self) -> ServiceVpn | None:
        """The VPN that it leaves by."""
        return vpn_of(self.config)

    @property
    def units(self) -> tuple[str, ...]:
        """Its systemd units, without `.service`."""
        return self.entry.units
