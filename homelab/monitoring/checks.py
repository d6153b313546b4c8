"""Checks of monitoring: every service has a health check, and something monitors the monitor."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.expansion import KUMA, MONITOR
from homelab.config.services import dashboards_of
from homelab.connections.pairs import place_of_use
from homelab.monitoring.kuma import kuma_of
from homelab.monitoring.measurements import SHIPPED, read_by
from homelab.monitoring.plan import asks_port, skip_reason
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declares
from homelab.services.model import Service


@check("monitor-intent")
def monitor_intent(plan: Plan) -> Iterator[Problem]:
    """A service that answers requests needs a probe, or a reason for having none."""
    if plan.monitoring is None:
        return
    watched = {p.source for p in plan.monitoring.probes}
    named = {(r.service, r.host) for r in plan.routes}
    for service in plan.services:
        if (service.name, service.host) in named or not asks_port(service):
            continue
        if skip_reason(service, plan.hosts[service.host]) or service.source in watched:
            continue
        monitor, alone = service.config.monitor, _is_for_itself(service)
        if alone and monitor.interval is None:
            continue
        yield Problem(
            service.at("monitor"),
            f"{plan.monitoring.host} may not call {service.name} on {service.host}, "
            "so it is not monitored",
            "leave monitor out, because only its own host may call it"
            if alone
            else f"services.{MONITOR}.uses: [{service.name}] opens its port to the monitor; "
            'or skip: "why it is not monitored"',
            # Another instance of the service is monitored, so this is a warning.
            severity="warning" if any(n == service.name for n, _ in named) else "error",
        )


def _is_for_itself(service: Service) -> bool:
    return bool(service.config.never_publish or service.entry.never_publish)


@check("monitor-name-unique")
def monitor_name_unique(plan: Plan) -> Iterator[Problem]:
    """Two probes with one name share one history, so their results cannot be told apart."""
    seen: dict[str, str] = {}
    made = plan.monitoring or kuma_of(plan)
    for probe in made.probes if made is not None else ():
        other = seen.setdefault(probe.name, probe.source)
        if other != probe.source:
            stated = probe.source.startswith("monitoring.monitors.")
            yield Problem(
                probe.source if stated else f"{probe.source}.name",
                f'two health checks are called "{probe.name}": of {other} and of {probe.source}',
                f"give one of {'them' if stated else 'the routes'} another name",
            )


@check("monitor-runs")
def monitor_runs(plan: Plan) -> Iterator[Problem]:
    """Health checks that no monitor makes find nothing."""
    config, runs = plan.stack.monitoring, kuma_of(plan) is not None
    if config.kuma is not None and not runs:
        yield Problem(
            "monitoring.kuma",
            "no host of the stack runs Uptime Kuma",
            f"add services.{KUMA}: {{host: …}}, or leave kuma out",
            cause=f"services.{KUMA}",
        )
    elif config.monitors and plan.monitoring is None and not runs:
        yield Problem(
            "monitoring.monitors",
            "no monitor makes these health checks",
            f"add services.{MONITOR}: {{host: …}}; or services.{KUMA}, and monitoring.kuma: {{}}",
            # They wait for a monitor, as those of the routes do.
            severity="warning",
            cause=f"services.{MONITOR}",
        )


@check("monitor-proves", severity="warning")
def monitor_proves(plan: Plan) -> Iterator[Problem]:
    """Behind forward auth the auth proxy answers the probe, even if the app is down."""
    if plan.monitoring is None or plan.stack.network.entry.host not in plan.hosts:
        return  # host-known reports an entry host that does not exist
    for probe in plan.monitoring.probes:
        if not probe.proves:
            route = plan.route_at[probe.source]
            if not route.address:
                continue  # reported by backend-reachable
            yield Problem(
                f"{probe.source}.auth",
                f"{plan.monitoring.host} can check {route.service} only through the auth proxy, "
                "which answers instead of it",
                f"services.{MONITOR}.host: {plan.stack.network.entry.host}, for the proxy's host "
                "may call its port"
                if route.believes
                else f"services.{MONITOR}.uses: [{route.service}] opens its port to the monitor",
            )


@check("monitor-independent", severity="warning")
def monitor_independent(plan: Plan) -> Iterator[Problem]:
    """If the host of the monitor fails, nothing reports it."""
    if plan.monitoring is None:
        return
    host = plan.monitoring.host
    tunnel_host = plan.cloudflare.tunnel_host if plan.cloudflare is not None else ""
    if tunnel_host and tunnel_host not in plan.hosts:
        return  # reported by host-known
    elsewhere = any(s.name == MONITOR and s.host != host for s in plan.services)
    tunnel = plan.cloudflare is not None and plan.cloudflare.tunnel_host == host
    if not elsewhere and not (tunnel and plan.stack.monitoring.email):
        yield Problem(
            f"services.{MONITOR}.host",
            f"nothing monitors {host}, which monitors everything else",
            "set monitoring.email: …, so that Cloudflare reports if this host's tunnel is down"
            if tunnel
            else "monitor it from outside, for instance with a second Gatus elsewhere"
            if plan.cloudflare is None
            else f"let Cloudflare monitor it: cloudflare.tunnel: {{host: {host}}}, and "
            "monitoring.email: …",
            cause="cloudflare"
            if plan.cloudflare is None
            else ""
            if plan.cloudflare.tunnel_host
            else "cloudflare.tunnel",
        )


_READERS = {"metrics": ("prometheus", "Prometheus"), "measures": ("beszel", "hub of Beszel")}
_HUB = "services.beszel.agent.environment.HUB_URL"
"""With it, an agent connects to a hub by itself, which may be elsewhere."""


@check("exporter-scraped")
def exporter_scraped(plan: Plan) -> Iterator[Problem]:
    """An exporter that Prometheus does not scrape reports nothing, nor does an agent of Beszel
    without a hub.
    """
    read = {
        (source.name, source.host)
        for reader in plan.services
        if reader.entry.consumes
        for source, _ in read_by(plan, reader)
    }
    for service in plan.services:
        if service.entry.provides not in _READERS or (service.name, service.host) in read:
            continue
        if declares(service.config, _HUB):
            continue
        reader, title = _READERS[service.entry.provides]
        stated = plan.stack.services.get(reader)
        if stated is not None and stated.runs and not plan.instances(reader):
            continue  # `host-known` reports its host.
        yield Problem(
            service.host_at,
            f"no {title} reads what {service.name} measures on {service.host}",
            f"drop never_publish, so that a {title} on another host may read it"
            if service.config.never_publish
            else f"add services.{reader}: {{host: {service.host}}}, or leave {service.name} out",
            cause="" if plan.instances(reader) else f"services.{reader}",
        )


@check("journal-received")
def journal_received(plan: Plan) -> Iterator[Problem]:
    """A journal that no VictoriaLogs receives is sent nowhere, and the host is not built."""
    for service in plan.services:
        if "journal" not in service.entry.consumes or declares(service.config, SHIPPED):
            continue
        if any(source.entry.provides == "journal" for source, _ in read_by(plan, service)):
            continue
        yield Problem(
            service.host_at,
            f"no VictoriaLogs receives the journal of {service.host}",
            "drop never_publish there, so that other hosts may send theirs"
            if plan.instances("victorialogs")
            else f"add services.victorialogs: {{host: {service.host}}}, or leave {service.name} "
            "out",
            cause="" if plan.instances("victorialogs") else "services.victorialogs",
        )


@check("sleepy-dependency", severity="warning")
def sleepy_dependency(plan: Plan) -> Iterator[Problem]:
    """A service that the family relies on must not depend on an offline host."""
    family = {r.service for r in plan.routes if r.audience == "family"}
    for service in plan.services:
        host = plan.hosts[service.host]
        if not host.always_on and service.name not in family:
            continue
        for database in service.databases:
            there = database.host
            if database.is_remote and there in plan.hosts and _sleeps(plan, there):
                yield Problem(
                    f"{database.source}.host",
                    f"{service.name} on {service.host} needs its database on {there}, "
                    "which is not always on",
                    "name an always-on host, "
                    f"or be sure that {service.name} does without it for a while",
                )
        for use in (u for u in service.uses if u.at):
            name = use.name
            used = plan.instances(name)
            if used and all(_sleeps(plan, s.host) for s in used):
                there = used[0].host
                if there == service.host:
                    continue
                yield Problem(
                    place_of_use(plan.stack, service.name, use),
                    f"{service.name} on {service.host} needs {name} on {there}, "
                    "which is not always on",
                    f"move {name} to an always-on host, "
                    f"or be sure that {service.name} does without it for a while",
                )


def _sleeps(plan: Plan, host: str) -> bool:
    return not plan.hosts[host].always_on


@check("dashboard-known")
def dashboard_known(plan: Plan) -> Iterator[Problem]:
    """Dashboards of a service that has none would be ignored, and of two with one number Grafana
    would show one.
    """
    for service in plan.each_service():
        dashboards = dashboards_of(service.config)
        if dashboards and not service.entry.dashboards:
            yield Problem(
                service.at("dashboards"),
                f"homelab cannot give dashboards to {service.entry.title}",
                "leave it out, and write it at the service that runs Grafana",
            )
        seen: set[int] = set()
        for index, dashboard in enumerate(dashboards):
            if dashboard.id in seen:
                yield Problem(
                    service.at(f"dashboards[{index}]"),
                    f"the dashboard {dashboard.id} is in the list already",
                    "leave one of them out",
                )
            seen.add(dashboard.id)
