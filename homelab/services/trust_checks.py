"""Rules about apps that believe what the gate says of a visitor, and what they then let them do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem

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
