"""Plan the health checks: for each route, for services without a route, and for the resolver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard
from urllib.parse import urlsplit

from homelab.backup.model import BackupPlan
from homelab.config.expansion import KUMA, MONITOR
from homelab.config.hosts import AnyHost, NixosHost
from homelab.config.pools import MergerfsPool
from homelab.config.snapshots import SNAPSHOTS
from homelab.config.stack import StackConfig
from homelab.monitoring.model import MonitoringPlan, Probe
from homelab.monitoring.reach import dialled, question
from homelab.network.model import DnsPlan
from homelab.network.route import Route
from homelab.services.model import Service
from homelab.storage.model import Dataset, Replica
from homelab.system.model import Host

ABSENT = ("planned", "retired")
"""States of hosts that are not monitored."""


def plan_monitoring(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    dns: DnsPlan,
    called: str = MONITOR,
) -> MonitoringPlan | None:
    """A health check for each route, for each other service that the monitor may call, for the
    resolver, and for each of `monitors`. `None` if no monitor of this name runs.
    """
    monitor = next((s for s in services if s.name == called), None)
    if monitor is None:
        return None
    by_place = {(s.name, s.host): s for s in services}
    probes = [*_resolver(stack, hosts, routes, dns, called), *_stated(stack)]
    skipped = set()
    for route in routes:
        service = by_place.get((route.service, route.host))
        if service is None or route.host not in hosts or not route.is_web:
            continue
        reason = skip_reason(service, hosts[route.host])
        if reason:
            skipped.add((service.name, reason))
        else:
            probes.append(_probe(stack, hosts, monitor.host, route, service))
    named = {(r.service, r.host) for r in routes}
    for service in services:
        if (service.name, service.host) in named or not asks_port(service):
            continue
        reason = skip_reason(service, hosts[service.host])
        address = dialled(stack, service, service.port, monitor.host)
        if reason:
            skipped.add((service.name, reason))
        elif address:
            probes.append(_bare(stack, hosts, service, address))
    return MonitoringPlan(
        host=monitor.host,
        probes=tuple(sorted(probes, key=lambda p: (p.group, p.name))),
        skipped=tuple(sorted(skipped)),
        alerts=stack.monitoring.ntfy.url.rstrip("/") if stack.monitoring.ntfy else "",
    )


def skip_reason(service: Service, host: Host) -> str:
    """Why a service is not monitored; empty if it is."""
    if service.config.monitor.skip is not None:
        return service.config.monitor.skip
    if service.entry.monitor not in ("http", "tcp"):
        return service.entry.monitor
    return f"{host.name} is {host.config.state}" if host.config.state in ABSENT else ""


def asks_port(service: Service) -> bool:
    """Whether a service without a route has a port that can be checked."""
    return bool(service.port) and not service.entry.infrastructure


def alert_route(stack: StackConfig, routes: tuple[Route, ...]) -> Route | None:
    """The route of the stack that alerts are sent to; None for a server elsewhere."""
    ntfy = stack.monitoring.ntfy
    name = urlsplit(ntfy.url).hostname or "" if ntfy is not None else ""
    return next((r for r in routes if name and name in (r.internal, r.public)), None)


def alert_hosts(
    stack: StackConfig,
    services: tuple[Service, ...],
    backup: BackupPlan,
    monitoring: MonitoringPlan | None,
    datasets: tuple[Dataset, ...],
    replicas: tuple[Replica, ...],
    others: frozenset[str],
) -> frozenset[str]:
    """Hosts that send alerts. They read the ntfy topic. `others` have units of other packages that
    report their failures; an agent among them does not.
    """
    if stack.monitoring.ntfy is None:
        return frozenset()
    watching = {monitoring.host} if monitoring else set()
    watched = monitoring.watched if monitoring else frozenset()
    watching |= {s.host for s in services if alerts_itself(s, watched)}
    if stack.cloudflare is not None and stack.cloudflare.acme.until is not None:
        watching.add(stack.network.entry.host)
    if stack.network.entry.acme is not None and stack.network.entry.acme.is_internal:
        watching.add(stack.network.entry.host)
    watching |= {d.host for d in datasets if d.fs in SNAPSHOTS} | {r.host for r in replicas}
    # A rest-server's host removes old snapshots.
    watching |= {j.server for j in backup.jobs if j.server and not j.ssh_key}
    if stack.monitoring.full_percent is not None:
        watching |= {name for name, host in stack.hosts.items() if may_alert(host)}
    watching |= {name for name, host in stack.hosts.items() if _tends_disks(host)}
    if stack.monitoring.kuma is not None:
        watching |= {s.host for s in services if s.name == KUMA}
    watching |= {name for name in others & stack.hosts.keys() if may_alert(stack.hosts[name])}
    return backup.hosts | watching


def alerts_itself(service: Service, watched: frozenset[str]) -> bool:
    """Whether a unit of a service reports its failure. One that a health check asks does not."""
    asked = service.source in watched
    unasked = any(not (part.is_web and asked) for part in service.parts)
    return service.sends_alerts or unasked or (service.static is not None and not asked)


def _tends_disks(host: AnyHost) -> bool:
    """Whether units of a host move files of a pool, or delete the roots of earlier boots."""
    if not may_alert(host):
        return False
    blank = host.persistence is not None and host.persistence.blank is not None
    return blank or any(isinstance(p, MergerfsPool) and p.mover for p in host.pools.values())


def may_alert(host: AnyHost) -> TypeGuard[NixosHost]:
    """Whether a host can send alerts. An agent does not know the topic."""
    return (
        isinstance(host, NixosHost)
        and host.role != "agent"
        and host.state not in ABSENT
        and host.manages("monitoring")
    )


def _probe(
    stack: StackConfig, hosts: Mapping[str, Host], watcher: str, route: Route, service: Service
) -> Probe:
    wanted = service.config.monitor
    asked = question(stack, route, service, watcher)
    tcp = asked.url.startswith("tcp://")
    return Probe(
        name=route.name,
        group=service.entry.category,
        url=asked.url,
        interval=wanted.interval or stack.monitoring.interval,
        conditions=("[CONNECTED] == true",) if tcp else ("[STATUS] == 200",),
        failures=stack.monitoring.failures,
        relaxed=not hosts[route.host].always_on,
        dns=None,
        headers=asked.headers,
        keyword="",
        proves=asked.proves,
        source=route.source,
    )


def _bare(stack: StackConfig, hosts: Mapping[str, Host], service: Service, address: str) -> Probe:
    """The health check of a service without a route, at its port."""
    wanted, tcp = service.config.monitor, service.entry.monitor == "tcp"
    path = wanted.path or service.entry.health
    return Probe(
        name=service.name,
        group=service.entry.category,
        url=f"tcp://{address}" if tcp else f"http://{address}{path}",
        interval=wanted.interval or stack.monitoring.interval,
        conditions=("[CONNECTED] == true",) if tcp else ("[STATUS] == 200",),
        failures=stack.monitoring.failures,
        relaxed=not hosts[service.host].always_on,
        dns=None,
        headers=(),
        keyword="",
        proves=True,
        source=service.source,
    )


def _stated(stack: StackConfig) -> Iterator[Probe]:
    """The health checks that the stack config states."""
    usual = stack.monitoring
    for name, monitor in sorted(usual.monitors.items()):
        tcp = monitor.url.startswith("tcp:")
        body = [f"[BODY] == pat(*{monitor.keyword}*)"] if monitor.keyword else []
        yield Probe(
            name=name,
            group="Monitors",
            url=monitor.url,
            interval=monitor.interval or usual.interval,
            conditions=("[CONNECTED] == true" if tcp else "[STATUS] == 200", *body),
            failures=usual.failures if monitor.retries is None else monitor.retries + 1,
            relaxed=False,
            dns=None,
            headers=(),
            keyword=monitor.keyword or "",
            proves=True,
            source=f"monitoring.monitors.{name}",
        )


def _resolver(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    routes: tuple[Route, ...],
    dns: DnsPlan,
    called: str,
) -> Iterator[Probe]:
    """The health check of the resolver: it resolves the name of the monitor."""
    host = hosts.get(dns.host)
    own = {r.internal for r in routes if r.service == called}
    name, answer = next((n for n in dns.names if n[0] in own), ("", ""))
    if host is None or not (name and answer) or not host.address:
        return
    yield Probe(
        name="resolver",
        group="Network",
        url=host.address,
        interval=stack.monitoring.interval,
        conditions=("[DNS_RCODE] == NOERROR", f"[BODY] == {answer}"),
        failures=stack.monitoring.failures,
        relaxed=not host.always_on,
        dns=(name, answer),
        headers=(),
        keyword="",
        proves=True,
        source="network.dns",
    )
