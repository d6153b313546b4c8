"""The plan: everything that follows from a stack config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from homelab.backup.model import BackupPlan
from homelab.certificates.model import CertificatesPlan
from homelab.cloudflare.resources import CloudflarePlan
from homelab.config.lock import Lock
from homelab.config.stack import StackConfig
from homelab.connections.model import Wiring
from homelab.dashboard.model import DashboardPlan
from homelab.databases.model import Database
from homelab.deploy.model import WavePlan
from homelab.disks.model import FileSystem
from homelab.grouping import grouped
from homelab.hardening.model import UnitHardening
from homelab.identity.model import IdentityPlan
from homelab.monitoring.model import MonitoringPlan
from homelab.network.model import DnsPlan, FirewallPlan, PortUse
from homelab.network.route import Route, main_first
from homelab.problems import Problem
from homelab.secrets.model import SecretsPlan
from homelab.services.links import Link, link_between
from homelab.services.model import Service
from homelab.services.uses import Use
from homelab.storage.model import Dataset, Replica
from homelab.system.model import Host
from homelab.tailnet.model import TailnetPlan
from homelab.vpn.model import VpnPlan

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that follows from a stack config. Pure data without secrets."""

    stack: StackConfig
    lock: Lock
    hosts: Mapping[str, Host]
    services: tuple[Service, ...]
    ports: tuple[PortUse, ...]
    routes: tuple[Route, ...]
    identity: IdentityPlan | None
    dns: DnsPlan
    datasets: tuple[Dataset, ...]
    mounted: tuple[Dataset, ...]
    """Datasets of other hosts, as the hosts that mount them over NFS see them."""
    replicas: tuple[Replica, ...]
    copies: tuple[Dataset, ...]
    """Datasets of other hosts whose replica services read, as the hosts with the replicas see
    them.
    """
    certificates: CertificatesPlan
    cloudflare: CloudflarePlan | None
    tailnet: TailnetPlan | None
    vpn: VpnPlan
    backup: BackupPlan
    monitoring: MonitoringPlan | None
    alert_hosts: frozenset[str]
    """Hosts that send alerts."""
    connections: tuple[Wiring, ...]
    dashboard: DashboardPlan | None
    hardening: tuple[UnitHardening, ...]
    secrets: SecretsPlan
    firewall: FirewallPlan
    waves: tuple[WavePlan, ...]
    problems: tuple[Problem, ...] = ()
    """Problems that were found before the checks ran."""

    def on(self, host: str) -> tuple[Service, ...]:
        """The services of one host."""
        return self._on.get(host, ())

    def datasets_on(self, host: str) -> tuple[Dataset, ...]:
        """The datasets that services of one host can use: its own, those that it mounts, and those
        whose replica they read.
        """
        return self._datasets_on.get(host, ())

    @cached_property
    def _datasets_on(self) -> Mapping[str, tuple[Dataset, ...]]:
        return grouped((*self.datasets, *self.mounted, *self.copies), lambda d: d.host)

    def file_system_of(self, host: str, path: str) -> FileSystem | None:
        """The file system of the stack config that contains a path of a host; None if the stack
        config has none there.
        """
        found = self.hosts.get(host)
        return found.file_system_of(path) if found is not None else None

    def routes_of(self, service: str) -> tuple[Route, ...]:
        """The routes of one service."""
        return self._routes_of.get(service, ())

    def main_route(self, service: str) -> Route | None:
        """The main route of a service; None if it has no route."""
        return next(iter(main_first(self.routes_of(service))), None)

    def ports_on(self, host: str) -> tuple[PortUse, ...]:
        """Every port in use on one host, of any scope."""
        return self._ports_on.get(host, ())

    def units_on(self, host: str) -> tuple[UnitHardening, ...]:
        """The units of one host, each with its sandbox."""
        return self._units_on.get(host, ())

    @cached_property
    def _ports_on(self) -> Mapping[str, tuple[PortUse, ...]]:
        return grouped(self.ports, lambda p: p.host)

    @cached_property
    def _units_on(self) -> Mapping[str, tuple[UnitHardening, ...]]:
        return grouped(self.hardening, lambda u: u.host)

    @cached_property
    def route_at(self) -> Mapping[str, Route]:
        """The (first) route of each place in the stack config."""
        return {r.source: r for r in reversed(self.routes)}

    def databases_on(self, host: str) -> tuple[Database, ...]:
        """The databases that homelab creates on one host, for services of any host."""
        return self._databases_on.get(host, ())

    @cached_property
    def _databases_on(self) -> Mapping[str, tuple[Database, ...]]:
        return grouped((d for s in self.services for d in s.databases), lambda d: d.host)

    @cached_property
    def _on(self) -> Mapping[str, tuple[Service, ...]]:
        return grouped(self.services, lambda s: s.host)

    @cached_property
    def _routes_of(self) -> Mapping[str, tuple[Route, ...]]:
        return grouped(self.routes, lambda r: r.service)

    def users_of(self, service: str) -> tuple[tuple[Service, Use], ...]:
        """The services that call a service, each with what requires the call."""
        return self._users_of.get(service, ())

    @cached_property
    def _users_of(self) -> Mapping[str, tuple[tuple[Service, Use], ...]]:
        pairs = ((s, use) for s in self.services for use in s.uses if use.at)
        return grouped(pairs, lambda p: p[1].name)

    def link(self, service: Service, name: str, port: str = "web") -> Link | None:
        """The address at which a service reaches a port of another service; None if that service
        does not run or has no such port.
        """
        return link_between(self.stack, service, self.instances(name), port)

    def instances(self, name: str) -> tuple[Service, ...]:
        """A service on every host that runs it."""
        return self._instances.get(name, ())

    def is_lost(self, name: str) -> bool:
        """Whether a service of the stack config should run and runs on no host: its host, or the
        service itself, is unknown, which is a problem of its own.
        """
        config = self.stack.services.get(name)
        return config is not None and config.runs and not self.instances(name)

    def each_service(self) -> Iterator[Service]:
        """Each service once, at the first of the hosts that run it."""
        return (found[0] for found in self._instances.values())

    @cached_property
    def _instances(self) -> Mapping[str, tuple[Service, ...]]:
        return grouped(self.services, lambda s: s.name)

    def service_of(self, route: Route) -> Service | None:
        """The service that a route leads to."""
        return self._placed.get((route.service, route.host))

    @cached_property
    def _placed(self) -> Mapping[tuple[str, str], Service]:
        return {(s.name, s.host): s for s in self.services}

    def service(self, name: str) -> Service | None:
        """The (first) instance of a service."""
        return self._named.get(name)

    @cached_property
    def _named(self) -> Mapping[str, Service]:
        return {s.name: s for s in reversed(self.services)}


def once(function: Callable[[Plan], T]) -> Callable[[Plan], T]:
    """A function of a plan that runs once for each plan. Its result must not be modified."""
    results: WeakKeyDictionary[Plan, T] = WeakKeyDictionary()

    @wraps(function)
    def result(plan: Plan) -> T:
        if plan not in results:
            results[plan] = function(plan)
        return results[plan]

    return result


@once
def stack_data(plan: Plan) -> dict[str, object]:
    """The stack config as plain data, by the keys of the stack file."""
    return plan.stack.model_dump(mode="json", by_alias=True)
