"""Services in the plan: one object for each service on each host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.catalog.model import Entry
from homelab.catalog.references import WEB
from homelab.catalog.upstream import modules_of
from homelab.config.hardening import ServiceHardening
from homelab.config.hosts import Role
from homelab.config.lock import Numbers, Placement
from homelab.config.service_base import NativeService, ServiceConfig
from homelab.config.service_modules import FlakeService
from homelab.config.service_parts import Control, External, Flake, ServiceSecret
from homelab.config.service_programs import ExternalService, StaticService, UnitService
from homelab.config.services import (
    datasets_of,
    devices_of,
    is_custom,
    is_made,
    jobs_of,
    schedule_of,
    secrets_of,
    vpn_of,
)
from homelab.config.static import Static
from homelab.config.unit import FlakePackage, Unit
from homelab.config.vpn import ServiceVpn
from homelab.databases.model import Database
from homelab.network.model import LOOPBACK, PortUse
from homelab.services.parts import Part, parts_of
from homelab.services.site import build_unit
from homelab.services.uses import Use
from homelab.vpn.model import Namespace


@dataclass(frozen=True)
class Memory:
    """The lock record of a service."""

    key: str
    """Its key in the lock."""
    name: str
    """Its recorded name."""
    host: str
    """Its recorded host, by the current name of that machine."""
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
    """Address that the web port is bound to: 127.0.0.1, or 0.0.0.0 if another host calls it, with
    the firewall as the boundary."""
    called: Mapping[str, tuple[str, ...]]
    """Hosts that call it, by the label of the port."""
    uses: tuple[Use, ...]
    """What it calls: the services in `uses` and in references, and those whose metrics it reads."""
    bridges: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Containers of its own host that call it, by the label of the port, then by bridge interface.
    """
    state: tuple[str, ...]
    release: str
    source: str
    called_at: tuple[str, ...] = ()
    """Addresses of its host that the callers connect to; empty without callers."""
    role: Role = "workhorse"
    """Role of its host."""
    is_backed_up: bool = True
    """Whether homelab manages the backups of its host."""
    namespace: Namespace | None = None
    """The network namespace that it runs in; none for the host's own network."""
    memory: Memory | None = None
    """Its record in the lock; None if it has none."""
    databases: tuple[Database, ...] = ()
    """Databases that homelab creates for it, besides those of its entry."""
    known_secrets: frozenset[str] = frozenset()
    """Secrets that its entry describes, without those of the service itself."""
    owner: str = ""
    """Name that its secrets are derived for: its first recorded name. Encrypted data stays readable
    when the service moves, is renamed or gets a second instance."""

    ids: Numbers | None = None
    """Fixed uid and gid of its user; None if nothing needs them."""

    @property
    def arrives_from(self) -> str:
        """Host from which `homelab move` brings its state; empty if it does not move."""
        memory = self.memory
        if memory is None or memory.host != self.host:
            return ""
        return memory.placement.moved_from or ""

    @property
    def callers(self) -> tuple[str, ...]:
        """Hosts that call its web port."""
        return self.called.get(WEB, ())

    @property
    def asks(self) -> tuple[str, ...]:
        """The services that it calls, each once."""
        return tuple(dict.fromkeys(u.name for u in self.uses))

    def used_at(self, use: Use) -> str:
        """The place in the stack that requires a call of this service."""
        return self.at(use.at) if use.at else self.source

    def at(self, field: str) -> str:
        """The place of a field: under `services`, also if another section places the service."""
        return f"services.{self.name}.{field}"

    def dataset_at(self, role: str) -> str:
        """The place of a dataset that it uses, by role; for a container by dataset name."""
        part = next((p for p in self.parts if p.name and role in p.datasets), None)
        return self.at(f"{part.place}.datasets.{role}" if part else f"datasets.{role}")

    @property
    def host_at(self) -> str:
        """The place in the stack that sets its host."""
        first, *rest = self.source.split(".")
        if first == "hosts":
            return self.source
        return f"datasets.{rest[0]}.host" if first == "datasets" else f"{self.source}.host"

    @property
    def address(self) -> str:
        """Address at which its own host reaches it; for an external service, the entry host."""
        if self.external is not None:
            return self.external.address
        return self.namespace.inside if self.namespace else LOOPBACK

    @property
    def is_outside_only(self) -> bool:
        """Whether it is a container that is published only at its host's outer addresses."""
        return bool(self.parts) and bool(self.callers)

    @property
    def is_made(self) -> bool:
        """Whether its entry is made from settings of the service, and not from facts."""
        return is_made(self.config)

    @property
    def modules(self) -> tuple[str, ...]:
        """The nixpkgs modules that the service consists of, its own module first; none for a
        service without facts. homelab need not know facts of them.
        """
        if self.is_made:
            return ()
        # The module of a flake is not the one of nixpkgs with its name.
        return self.entry.modules if self.entry.flake else modules_of(self.entry)

    @property
    def is_custom(self) -> bool:
        """Whether only the stack config describes it."""
        return is_custom(self.config)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its containers, the one with the web port first; none for other kinds."""
        return parts_of(self.name, self.config)

    @property
    def external(self) -> External | None:
        """Where it runs, if no host of the stack runs it."""
        return self.config.external if isinstance(self.config, ExternalService) else None

    @property
    def flake(self) -> Flake | None:
        """Its flake settings; None for other kinds."""
        return self.config.flake if isinstance(self.config, FlakeService) else None

    @property
    def flake_inputs(self) -> frozenset[str]:
        """The flakes of `homelab:flakes` that it needs."""
        named = self.flake.input if self.flake is not None else self.entry.flake.partition(".")[0]
        package = self.unit.package if self.unit is not None else None
        names = (named, package.flake if isinstance(package, FlakePackage) else "")
        return frozenset(name for name in names if name)

    @property
    def sends_alerts(self) -> bool:
        """Whether a unit of it always reports a failure: a program of the stack, the build of a
        site, a job, or what changes its rates.
        """
        static = self.static
        built = static is not None and static.build is not None
        jobs = bool(jobs_of(self.config) or schedule_of(self.config))
        return self.unit is not None or built or jobs

    @property
    def static(self) -> Static | None:
        """The files of a web site; None for other kinds."""
        return self.config.static if isinstance(self.config, StaticService) else None

    @property
    def writes_unit(self) -> bool:
        """Whether homelab writes its units, and no module does."""
        return self.unit is not None or self.static is not None

    @property
    def reader(self) -> str:
        """The unit that reads the secrets of the stack config: its main unit, or the build of a
        site; empty for none.
        """
        if self.static is not None and self.static.build is not None:
            return build_unit(self.name)
        return self.units[0] if self.units else ""

    @property
    def unit(self) -> Unit | None:
        """The package and command of its unit; None for other kinds."""
        return self.config.unit if isinstance(self.config, UnitService) else None

    @property
    def datasets(self) -> Mapping[str, str]:
        """The datasets that it uses, by role."""
        return datasets_of(self.config)

    def writes(self, dataset: str) -> bool:
        """Whether it writes a dataset: by its facts, or as a mount of one of its containers."""
        if self.parts:
            uses = (p.datasets[dataset] for p in self.parts if dataset in p.datasets)
            return any(not use.read_only for use in uses)
        roles = (role for role, name in self.datasets.items() if name == dataset)
        return any(role in self.entry.writes_datasets for role in roles)

    @property
    def devices(self) -> Mapping[str, str]:
        """The devices that it uses, by role."""
        return devices_of(self.config)

    @property
    def secrets(self) -> Mapping[str, ServiceSecret]:
        """The secrets that the stack config sets for it."""
        return secrets_of(self.config)

    @property
    def harden(self) -> ServiceHardening:
        """Its exceptions from the sandbox baseline; a container has none."""
        config = self.config
        return config.harden if isinstance(config, NativeService) else ServiceHardening()

    @property
    def may_control(self) -> Control | None:
        """Units that it may start and stop."""
        return self.config.may_control if isinstance(self.config, NativeService) else None

    @property
    def vpn(self) -> ServiceVpn | None:
        """The VPN of its outgoing traffic."""
        return vpn_of(self.config)

    @property
    def units(self) -> tuple[str, ...]:
        """Its systemd units, without `.service`."""
        return self.entry.units
