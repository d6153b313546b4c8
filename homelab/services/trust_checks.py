"""Rules about apps that believe what the gate says of a visitor, and what they then let them do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem
from homelab.reach.plan import plan_reach
from homelab.tailnet.members import OWNERS

if TYPE_CHECKING:
    from homelab.network.route import Route
    from homelab.plan import Plan
    from homelab.services.model import Service


@check("proxy-header-trust", rows="S1-12 T21")
def proxy_header_trust(plan: Plan) -> Iterator[Problem]:
    """Whoever asks the app itself, past the proxy, could write the header that says who it is."""
    believing = {r.service: r for r in plan.routes if r.headers}
    for route in plan.routes:
        if route.is_direct and route.service in believing:
            header = believing[route.service].headers[0][0]
            yield Problem(
                route.at("lan_direct" if route.lan_direct else "tailnet_direct"),
                f"{route.service} believes {header}, and devices that ask it past the proxy could "
                "write that themselves",
                "leave it out, or choose auth: native for every route of the service",
            )

    direct = {r.service for r in plan.routes if r.is_direct}
    yield from _others(plan, {s: r for s, r in believing.items() if s not in direct})


def _others(plan: Plan, believing: Mapping[str, Route]) -> Iterator[Problem]:
    """Grants and callers that reach the app's own port, and are neither the proxy nor the owner."""
    entry = plan.site.network.entry.host
    tags = plan.tailnet.tags if plan.tailnet else {}
    proxy = {entry, *(tag for tag, hosts in tags.items() if hosts == (entry,))}
    ports = {f"{r.host}:{r.port}/tcp": r for r in believing.values()}
    owners = plan.tailnet.groups.get(OWNERS, ()) if plan.tailnet else ()
    found: dict[tuple[str, str], list[str]] = {}
    for answer in plan_reach(plan, services=frozenset(believing)).answers if believing else ():
        who, where = answer.asker, answer.target
        if where.kind != "port" or where.name not in ports or not answer.reachable:
            continue
        if who.name not in proxy and who.identity not in owners:
            sources = [g.source for g in answer.gates if g.kind == "tailnet"]
            for source in ", ".join(sources or [where.source]).split(", "):
                found.setdefault((source, where.name), []).append(who.name)
    for (source, port), names in found.items():
        route = ports[port]
        yield Problem(
            source,
            f"{route.service} believes {route.headers[0][0]}, and {', '.join(names)} would reach "
            f"{port} past the proxy, where anybody could write that",
            f"leave it out and let them ask https://{route.title}, or choose auth: native for "
            f"every route of {route.service}",
        )


@check("grafana-auth-scope", rows="S0-49 S1-12")
def grafana_auth_scope(plan: Plan) -> Iterator[Problem]:
    """An app that makes everybody an administrator is safe only where nobody else comes in."""
    for service in plan.services:
        for path, value in _powers(service):
            for route in plan.routes_of(service.name):
                if not _closed(route):
                    yield Problem(
                        route.source,
                        f"{path}: {value} makes everybody an administrator who passes "
                        f"{route.title}, and that is not for administrators alone",
                        "a route with auth: forward, policy: two_factor and groups: [admins]; "
                        "or drop the option",
                    )


def _closed(route: Route) -> bool:
    if route.auth == "forward":
        return route.policy == "two_factor" and bool(route.groups)
    return route.publish == "internal" and route.audience == "operator"


def _powers(service: Service) -> Iterator[tuple[str, str]]:
    said = {_plain(p): v for k, o in service.config.options.items() for p, v in _leaves(k, o)}
    for path, value in service.entry.sign_in.powers.items():
        if said.get(_plain(path)) == value:
            yield path, value


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value


def _plain(path: str) -> str:
    return path.replace('"', "")
