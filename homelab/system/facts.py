"""`/etc/homelab/facts.json`: services, names and ports of a host."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.route import Route
from homelab.nix import Attrs, Call, Module, Nix
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`facts.nix`: this host's part of the plan, as of its release."""
    if not host.is_nixos:
        return
    text = Call("builtins.toJSON", (facts(plan, host),))
    yield Module(
        "facts.nix",
        "What runs here: services, names and ports, as /etc/homelab/facts.json",
        derived={"environment": {"etc": {"homelab/facts.json": {"text": text}}}},
    )


def facts(plan: Plan, host: Host) -> Attrs:
    """Services, names and ports of one host, by name. Contains no secret."""
    here = plan.on(host.name)
    routes = [r for s in here for r in plan.routes_of(s.name) if r.host == host.name]
    ports = plan.ports_on(host.name)
    return {
        "host": host.name,
        "role": host.role,
        "addresses": {**host.addresses},
        "services": {s.name: _service(plan, s) for s in here if s.external is None},
        "routes": {r.name: _route(r) for r in routes},
        "ports": {
            f"{p.port}/{p.protocol}": {"owner": p.owner, "scope": p.open_to, "why": p.why}
            for p in ports
        },
    }


def _service(plan: Plan, service: Service) -> Attrs:
    units: list[Nix] = [f"{u}.service" for u in service.units]
    body: Attrs = {"units": units}
    if service.port:
        body["port"] = service.port
    state: list[Nix] = [*service.state]
    if state:
        body["state"] = state
    return body


def _route(route: Route) -> Attrs:
    names: list[Nix] = [*route.names]
    return {
        "service": route.service,
        "url": route.url,
        "names": names,
        "audience": route.audience,
        "publish": route.publish,
        "auth": route.auth,
        "upstream": route.upstream,
    }
