"""The addresses of each name: on the LAN by address or host name, on the tailnet, and public."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.network.route import Route
from homelab.plan import Plan

HTTP = 80


@dataclass(frozen=True)
class Row:
    """One name and its addresses; empty if it has no such address."""

    name: str
    service: str
    local: str
    """LAN address and port of the host."""
    alias: str
    """The same with the host's multicast DNS name."""
    public: str
    tailnet: str = ""
    """Tailnet address and port of the host."""
    scheme: str = "http"

    def url(self, address: str) -> str:
        """One of the addresses as a URL; empty for none."""
        return f"{self.scheme}://{address}" if address else ""


def route_table(plan: Plan) -> tuple[Row, ...]:
    """Every name of the homelab, sorted. Sites that Cloudflare serves have no LAN address."""
    return tuple(sorted((*_routes(plan), *_sites(plan)), key=lambda r: (r.name, r.service)))


def _routes(plan: Plan) -> Iterator[Row]:
    for route in plan.routes:
        yield row_of(plan, route)


def row_of(plan: Plan, route: Route) -> Row:
    """The addresses of one route."""
    host = plan.hosts[_host(plan, route)]
    port = _port(plan, route)
    return Row(
        name=route.name,
        service=route.service,
        local=f"{host.lan}:{port}" if port and host.lan else "",
        alias=f"{host.name}.local:{port}" if port and host.config.mdns else "",
        public=route.public,
        tailnet=f"{host.tailnet}:{route.port}" if route.is_direct and host.tailnet else "",
        scheme=route.scheme,
    )


def _host(plan: Plan, route: Route) -> str:
    return plan.stack.network.entry.host if _is_local(plan, route) else route.host


def _port(plan: Plan, route: Route) -> int:
    if _is_local(plan, route):
        return HTTP
    return route.port if route.lan_direct and route.is_web else 0


def _is_local(plan: Plan, route: Route) -> bool:
    return route.is_web and route.service == plan.stack.network.entry.local_http


def _sites(plan: Plan) -> Iterator[Row]:
    if plan.cloudflare is not None:
        for page in plan.cloudflare.pages:
            yield Row(page.key, "Cloudflare Pages", "", "", page.domain)
