"""From a stack config to its plan: each package plans its part, in the order of dependencies."""

from __future__ import annotations

from homelab.backup.plan import plan_backup
from homelab.backup.rest import rest_ports
from homelab.certificates.plan import page_port, plan_certificates
from homelab.cloudflare.plan import plan_cloudflare
from homelab.config.lock import Lock
from homelab.config.stack import StackConfig
from homelab.connections.pairs import with_connections
from homelab.connections.plan import plan_connections
from homelab.dashboard.plan import plan_dashboard
from homelab.databases.plan import ports_of as database_ports
from homelab.deploy.plan import plan_waves
from homelab.hardening.plan import plan_hardening
from homelab.identity.plan import plan_identity
from homelab.monitoring.plan import alert_hosts, plan_monitoring
from homelab.network.plan import loopback_http, plan_dns, plan_firewall, plan_routes
from homelab.plan import Plan
from homelab.secrets.plan import plan_secrets, wanted_secrets
from homelab.services.own import with_own_options
from homelab.services.plan import plan_services
from homelab.services.ports import plan_ports
from homelab.storage.nfs import nfs_ports, plan_mounted
from homelab.storage.plan import plan_copies, plan_datasets, plan_replicas
from homelab.system.plan import plan_hosts
from homelab.tailnet.plan import plan_tailnet
from homelab.vpn.plan import plan_vpn


def make_plan(stack: StackConfig, lock: Lock) -> Plan:
    """The plan of a stack config. A pure function: no file, no clock, no network.

    A reference to something that does not exist is skipped; the checks report it.
    """
    hosts = plan_hosts(stack)
    stated = stack.services
    stack = with_own_options(stack, {name: host.release for name, host in hosts.items()})
    stack = with_connections(stack)
    services = plan_services(stack, hosts, lock, stated)
    routes = plan_routes(stack, hosts, services)
    databases = tuple(d for s in services for d in s.databases)
    ports = (
        *plan_ports(hosts, services),
        *database_ports(stack, databases),
        *loopback_http(stack, routes),
        *page_port(stack),
        *nfs_ports(stack),
    )
    certificates = plan_certificates(stack, hosts, routes)
    dns = plan_dns(stack, hosts, services, routes, certificates.page)
    datasets = plan_datasets(stack, hosts, services)
    mounted = plan_mounted(stack, services)
    replicas = plan_replicas(stack, hosts, datasets)
    copies = plan_copies(stack, replicas, services)
    identity = plan_identity(stack, hosts, services, routes)
    cloudflare = plan_cloudflare(stack, routes, certificates)
    tailnet = plan_tailnet(stack, hosts, services, routes, dns, lock.stack)
    vpn = plan_vpn(stack, services)
    backup = plan_backup(stack, hosts, services, datasets)
    ports += rest_ports(stack, backup)
    monitoring = plan_monitoring(stack, hosts, services, routes, dns)
    connections = plan_connections(stack, services)
    wanted = wanted_secrets(
        stack,
        hosts,
        services,
        certificates,
        backup,
        identity,
        cloudflare,
        tailnet,
        vpn,
        connections,
        replicas,
    )
    others = frozenset({s.host for s in wanted if s.is_placed} | {w.host for w in connections})
    alerting = alert_hosts(stack, services, backup, monitoring, datasets, replicas, others)
    return Plan(
        stack=stack,
        lock=lock,
        hosts=hosts,
        services=services,
        ports=ports,
        routes=routes,
        identity=identity,
        dns=dns,
        datasets=datasets,
        mounted=mounted,
        replicas=replicas,
        copies=copies,
        certificates=certificates,
        cloudflare=cloudflare,
        tailnet=tailnet,
        vpn=vpn,
        backup=backup,
        monitoring=monitoring,
        alert_hosts=alerting,
        connections=connections,
        dashboard=plan_dashboard(stack, services, routes),
        hardening=tuple(
            unit
            for unit in plan_hardening(stack, services, (*datasets, *mounted, *copies))
            if unit.host not in hosts or hosts[unit.host].config.manages("hardening")
        ),
        secrets=plan_secrets(stack, hosts, wanted, alerting, monitoring),
        firewall=plan_firewall(stack, ports, routes),
        waves=plan_waves(stack, hosts, services),
    )
