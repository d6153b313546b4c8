"""Checks of monitoring: everything is watched, and somebody watches the watcher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.monitoring.plan import MONITOR, skip_reason
from homelab.problems import Problem

if TYPE_CHECKING:
    from homelab.plan import Plan


@check("monitor-intent", rows="S0-45")
def monitor_intent(plan: Plan) -> Iterator[Problem]:
    """A route is watched, or something says why it is not."""
    if plan.monitoring is None:
        return
    watched = {p.source for p in plan.monitoring.probes}
    for service in plan.services:
        host = plan.hosts.get(service.host)
        skipped = host is None or skip_reason(service, host)
        for route in plan.routes:
            mine = (route.service, route.host) == (service.name, service.host)
            if mine and not skipped and route.is_web and route.source not in watched:
                yield Problem(
                    f"{service.source}.monitor",
                    f"nothing watches {route.title}",
                    'give it a path, or skip: "why nothing watches it"',
                )


@check("monitor-name-unique", rows="S1-15")
def monitor_name_unique(plan: Plan) -> Iterator[Problem]:
    """Two probes of one name are one history in which nothing can be told apart."""
    seen: dict[str, str] = {}
    for probe in plan.monitoring.probes if plan.monitoring else ():
        other = seen.setdefault(probe.name, probe.source)
        if other != probe.source:
            yield Problem(
                f"{probe.source}.name",
                f'two probes are called "{probe.name}": of {other} and of {probe.source}',
                "give one of the routes another name",
            )


@check("monitor-proves", rows="S0-45 S0-12", severity="warning")
def monitor_proves(plan: Plan) -> Iterator[Problem]:
    """Behind the gate it is the gate that answers: a dead app would look alive."""
    if plan.monitoring is None or plan.site.network.entry.host not in plan.hosts:
        return  # of an entry that does not exist, host-known tells
    for probe in plan.monitoring.probes:
        if not probe.proves:
            route = next(r for r in plan.routes if r.source == probe.source)
            yield Problem(
                f"{probe.source}.auth",
                f"{plan.monitoring.host} can watch {route.service} only through the gate, "
                "which answers in its place",
                f"services.{MONITOR}.uses: [{route.service}] opens its port to the monitor",
            )


@check("monitor-independent", rows="S0-45", severity="warning")
def monitor_independent(plan: Plan) -> Iterator[Problem]:
    """When the monitor's own host goes down, nobody is left to say so."""
    if plan.monitoring is None:
        return
    host = plan.monitoring.host
    elsewhere = any(s.name == MONITOR and s.host != host for s in plan.services)
    tunnel = plan.cloudflare is not None and plan.cloudflare.tunnel_host == host
    if not elsewhere and not (tunnel and plan.site.monitoring.email):
        yield Problem(
            f"services.{MONITOR}.host",
            f"nobody watches {host}, which watches everything else",
            "set monitoring.email, for Cloudflare tells when a tunnel of this host goes down"
            if tunnel
            else "let something outside watch it too: a tunnel on this host with monitoring.email",
        )


@check("sleepy-dependency", rows="S0-05", severity="warning")
def sleepy_dependency(plan: Plan) -> Iterator[Problem]:
    """What the family relies on does not wait for a host that sleeps."""
    family = {r.service for r in plan.routes if r.audience == "family"}
    for service in plan.services:
        host = plan.hosts[service.host]
        if not host.always_on and service.name not in family:
            continue
        for index, name in enumerate(service.config.uses):
            used = [s for s in plan.services if s.name == name]
            if used and all(_sleeps(plan, s.host) for s in used):
                there = used[0].host
                if there == service.host:
                    continue
                yield Problem(
                    f"{service.source}.uses[{index}]",
                    f"{service.name} on {service.host} needs {name} on {there}, which may sleep",
                    f"move {name} to a host that never sleeps, "
                    f"or be sure that {service.name} does without it for a while",
                )


def _sleeps(plan: Plan, host: str) -> bool:
    return not plan.hosts[host].always_on
