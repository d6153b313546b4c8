"""Checks of ports, routes and the resolver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem, did_you_mean
from homelab.services.ports import band

if TYPE_CHECKING:
    from homelab.plan import Plan


@check("port-unique", rows="S0-11 S4-02")
def port_unique(plan: Plan) -> Iterator[Problem]:
    """Two programs cannot listen on one port; the second would fail at start, days later."""
    seen: dict[tuple[str, int, str], str] = {}
    for use in plan.ports:
        key = (use.host, use.port, use.protocol)
        other = seen.get(key)
        if other is not None and other != use.owner:
            first, second = sorted((other, use.owner))
            yield Problem(
                use.source,
                f"{first} and {second} both want {use.port}/{use.protocol} on {use.host}",
                "give one of them another port",
            )
        seen[key] = use.owner


@check("port-band", rows="S4-02")
def port_band(plan: Plan) -> Iterator[Problem]:
    """With bands, a number tells what kind of thing listens."""
    if plan.site.network.ports.policy != "banded":
        return
    for service in plan.services:
        web = service.entry.ports.get("web")
        if web is None or not web.movable:
            continue
        first, last = band(plan.site, service)
        if not first <= service.port <= last:
            kind = "infrastructure" if service.entry.infrastructure else "services"
            yield Problem(
                f"{service.source}.port",
                f"{service.port} is outside the band of {kind}, {first} to {last}",
                "choose one inside, or leave it out",
            )


@check("route-port", rows="S0-11")
def route_port(plan: Plan) -> Iterator[Problem]:
    """A route leads to a port that the service has."""
    for service in plan.services:
        for index, route in enumerate(service.config.routes or []):
            if route.port is not None and route.port not in service.entry.ports:
                yield Problem(
                    f"{service.source}.routes[{index}].port",
                    f'{service.name} has no port "{route.port}"',
                    did_you_mean(route.port, service.entry.ports, "ports"),
                )
            elif route.port is None and not service.port:
                yield Problem(
                    f"{service.source}.routes[{index}]",
                    f"{service.name} has no web port",
                    "leave the route out",
                )


@check("backend-reachable", rows="S0-12")
def backend_reachable(plan: Plan) -> Iterator[Problem]:
    """The proxy reaches a service on another host over the tailnet, so that host must be on it."""
    for route in plan.routes:
        host = plan.hosts[route.host]
        if not route.remote:
            continue
        if not host.tailnet:
            yield Problem(
                route.source,
                f"{plan.site.network.entry.host} cannot reach {route.service} on {route.host}",
                f"add {host.source}.address.tailnet once the host has joined",
            )
        elif plan.site.services.get(route.service) and _loopback_only(plan, route.service):
            yield Problem(
                route.source,
                f"{route.service} listens on loopback only, and the proxy is on "
                f"{plan.site.network.entry.host}",
                f"place it on {plan.site.network.entry.host}",
            )


def _loopback_only(plan: Plan, name: str) -> bool:
    """A flake's service is told where to listen by its own options, which we cannot see."""
    config = plan.site.services[name]
    return config.flake is not None and not any(
        "host" in o.lower() or "address" in o.lower() or "bind" in o.lower()
        for o in config.options
        if "allowed" not in o.lower()
    )


@check("entry-address", rows="S0-19 S0-14")
def entry_address(plan: Plan) -> Iterator[Problem]:
    """Every internal name is the entry host's LAN address; without one, none resolves."""
    entry = plan.hosts.get(plan.site.network.entry.host)
    if entry is not None and not entry.lan:
        yield Problem(
            f"{entry.source}.address.lan",
            f"{entry.name} answers for every name and has no LAN address",
            "add address: {lan: …}",
        )


@check("dns-bootstrap", rows="S0-19 S0-79")
def dns_bootstrap(plan: Plan) -> Iterator[Problem]:
    """Upstreams given by name are looked up somewhere, and that cannot be this resolver."""
    dns = plan.site.network.dns
    if not dns.bootstrap:
        yield Problem(
            "network.dns.bootstrap",
            "the resolver cannot find its own upstreams",
            "name two addresses: [1.1.1.1, 9.9.9.9]",
        )
    own = {host.lan for host in plan.hosts.values()} | {h.tailnet for h in plan.hosts.values()}
    for index, address in enumerate(dns.bootstrap):
        if str(address) in own:
            yield Problem(
                f"network.dns.bootstrap[{index}]",
                f"{address} is one of our own hosts: the resolver would wait for itself",
                "name a public resolver",
            )


@check("firewall-owner", rows="S0-56 S2-10")
def firewall_owner(plan: Plan) -> Iterator[Problem]:
    """Every open port has somebody to answer for it."""
    for use in plan.firewall.ports:
        if not use.why:
            yield Problem(
                use.source,
                f"{use.owner} opens {use.port}/{use.protocol} on {use.host} without a reason",
                "say why: …",
            )
