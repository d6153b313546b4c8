"""The whole journey on one page: from a typed site to everything that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from homelab.backup.model import BackupPlan
from homelab.backup.plan import plan_backup
from homelab.certificates.model import CertificatesPlan
from homelab.certificates.plan import page_port, plan_certificates
from homelab.cloudflare.plan import plan_cloudflare
from homelab.cloudflare.resources import CloudflarePlan
from homelab.dashboard.model import DashboardPlan
from homelab.dashboard.plan import plan_dashboard
from homelab.deploy.model import WavePlan
from homelab.deploy.plan import plan_waves
from homelab.hardening.model import UnitHardening
from homelab.hardening.plan import plan_hardening
from homelab.identity.model import IdentityPlan
from homelab.identity.plan import plan_identity
from homelab.model import grouped
from homelab.monitoring.model import MonitoringPlan
from homelab.monitoring.plan import plan_monitoring
from homelab.network.model import DnsPlan, FirewallPlan, PortUse
from homelab.network.plan import loopback_http, plan_dns, plan_firewall, plan_routes
from homelab.network.route import Route
from homelab.problems import Problem
from homelab.secrets.model import SecretsPlan
from homelab.secrets.plan import plan_secrets
from homelab.services.model import Service
from homelab.services.plan import plan_services
from homelab.services.ports import plan_ports
from homelab.site.lock import Lock
from homelab.site.model import Site
from homelab.storage.model import Dataset
from homelab.storage.plan import plan_datasets
from homelab.system.model import Host
from homelab.system.plan import plan_hosts
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.plan import plan_tailnet
from homelab.vpn.model import VpnPlan
from homelab.vpn.plan import plan_vpn


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that follows from a site. Pure data; nothing in it is secret."""

    site: Site
    lock: Lock
    hosts: Mapping[str, Host]
    services: tuple[Service, ...]
    ports: tuple[PortUse, ...]
    routes: tuple[Route, ...]
    identity: IdentityPlan | None
    dns: DnsPlan
    datasets: tuple[Dataset, ...]
    certificates: CertificatesPlan
    cloudflare: CloudflarePlan | None
    tailnet: TailnetPlan | None
    vpn: VpnPlan
    backup: BackupPlan
    monitoring: MonitoringPlan | None
    dashboard: DashboardPlan | None
    hardening: tuple[UnitHardening, ...]
    secrets: SecretsPlan
    firewall: FirewallPlan
    waves: tuple[WavePlan, ...]
    problems: tuple[Problem, ...] = ()
    """What was found wrong before the checks ran."""

    def on(self, host: str) -> tuple[Service, ...]:
        """The services of one host."""
        return self._on.get(host, ())

    def routes_of(self, service: str) -> tuple[Route, ...]:
        """The routes of one service."""
        return self._routes_of.get(service, ())

    def main_route(self, service: str) -> Route | None:
        """The name that stands for a service: the first said of its web pages, or the first."""
        said = sorted(self.routes_of(service), key=lambda r: (not r.is_web, r.position))
        return said[0] if said else None

    def ports_on(self, host: str) -> tuple[PortUse, ...]:
        """Every port that something listens at on one host, of whatever scope."""
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

    @cached_property
    def _on(self) -> Mapping[str, tuple[Service, ...]]:
        return grouped(self.services, lambda s: s.host)

    @cached_property
    def _routes_of(self) -> Mapping[str, tuple[Route, ...]]:
        return grouped(self.routes, lambda r: r.service)

    def users_of(self, service: str) -> tuple[Service, ...]:
        """The services that say that they use one."""
        return self._users_of.get(service, ())

    @cached_property
    def _users_of(self) -> Mapping[str, tuple[Service, ...]]:
        pairs = ((used, s) for s in self.services for used in dict.fromkeys(s.config.uses))
        return {k: tuple(s for _, s in v) for k, v in grouped(pairs, lambda p: p[0]).items()}

    def service(self, name: str) -> Service | None:
        """The (first) instance of a service."""
        return self._named.get(name)

    @cached_property
    def _named(self) -> Mapping[str, Service]:
        return {s.name: s for s in reversed(self.services)}


def make_plan(site: Site, lock: Lock) -> Plan:
    """Everything that follows from a site. Pure: no file, no clock, no network.

    A name that leads nowhere is left out of what it would have caused; the checks name it.
    """
    hosts = plan_hosts(site)
    services = plan_services(site, hosts, lock)
    routes = plan_routes(site, hosts, services)
    ports = plan_ports(hosts, services) + loopback_http(site, routes) + page_port(site)
    certificates = plan_certificates(site, hosts, routes)
    dns = plan_dns(site, hosts, routes, certificates.page)
    datasets = plan_datasets(site, services)
    identity = plan_identity(site, hosts, services, routes)
    cloudflare = plan_cloudflare(site, routes, certificates)
    tailnet = plan_tailnet(site, hosts, services, routes, dns, lock.stack)
    vpn = plan_vpn(site, services, lock)
    backup = plan_backup(site, hosts, services, datasets)
    monitoring = plan_monitoring(site, hosts, services, routes, dns)
    return Plan(
        site=site,
        lock=lock,
        hosts=hosts,
        services=services,
        ports=ports,
        routes=routes,
        identity=identity,
        dns=dns,
        datasets=datasets,
        certificates=certificates,
        cloudflare=cloudflare,
        tailnet=tailnet,
        vpn=vpn,
        backup=backup,
        monitoring=monitoring,
        dashboard=plan_dashboard(site, services, routes),
        hardening=plan_hardening(site, services, datasets),
        secrets=plan_secrets(
            site,
            hosts,
            services,
            certificates,
            backup,
            identity,
            cloudflare,
            tailnet,
            monitoring,
            vpn,
        ),
        firewall=plan_firewall(site, ports, routes),
        waves=plan_waves(site, hosts, services),
    )
