"""What containers reach on their host: each other, and the ports that are opened to their bridge.

Containers of one Podman network reach each other on every port, by name; on Podman's default
network there are no names. Podman does not separate the networks of a host either: `isolate` of
`podman network create` is off by default before Podman 6, so a container that knows the address of
another one reaches it. The host reaches all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import PortUse
from homelab.plan import Plan
from homelab.reach.model import Answer, Origin, Path, Reason, Target
from homelab.services.container_ports import on_host_network, published_uses
from homelab.services.containers import bridge_of
from homelab.services.links import port_of
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.published import addresses_of, port_inside

Container = tuple[Service, Part]


def container_answers(plan: Plan) -> Iterator[Answer]:
    """The answers for every container, then for the ports of hosts that containers reach."""
    for host in plan.hosts:
        here = [(s, p) for s in plan.on(host) for p in s.parts]
        for service, part in here:
            yield from _to_container(plan, service, part, here)
        yield from _to_host(plan, host, here)


def _to_container(
    plan: Plan, service: Service, part: Part, here: list[Container]
) -> Iterator[Answer]:
    target = Target(
        kind="container",
        name=part.container,
        service=service.name,
        host=service.host,
        addresses=_names(part),
        source=service.at(part.place),
        published=tuple(_published(plan, service, part)),
    )
    host = Origin(service.host, "host", service.host, f"hosts.{service.host}")
    if on_host_network(service, part):
        why = Reason(f"{part.container} listens on {service.host} itself", target.source)
        yield _answer(host, target, "host", why)
        return
    yield _answer(host, target, "bridge", Reason(_on(part), target.source), bridge_of(part.network))
    for other_service, other in here:
        if other is part or on_host_network(other_service, other):
            continue
        origin = _origin(other_service, other)
        if other.network == part.network:
            yield _answer(origin, target, "podman", Reason(_on(part), target.source), part.network)
        else:
            what = f"{other.container} is on another network, and Podman forwards between them"
            yield _answer(origin, target, "forwarded", Reason(what, target.source), part.network)


def _to_host(plan: Plan, host: str, here: list[Container]) -> Iterator[Answer]:
    """The ports that the firewall opens to a bridge, at `host.containers.internal`."""
    opened: list[tuple[str, int, Target]] = []
    for service in plan.on(host):
        for label, users in service.bridges.items():
            port = port_of(service, label)
            target = _port(host, port, service.name, service.source)
            opened += [(bridge, port, target) for bridge in users]
    for database in plan.databases_on(host):
        if database.bridge:
            target = _port(host, database.port, database.owner, database.source)
            opened.append((database.bridge, database.port, target))
    for bridge, port, target in opened:
        for service, part in here:
            if bridge_of(part.network) == bridge and not on_host_network(service, part):
                what = f"the firewall: {port}/tcp on {host} is open to {bridge}"
                why = Reason(what, target.source)
                yield _answer(_origin(service, part), target, "bridge", why, bridge)


def _port(host: str, port: int, owner: str, source: str) -> Target:
    names = ("host.containers.internal",)
    return Target("bridge", f"{host}:{port}/tcp", owner, host, names, source)


def _origin(service: Service, part: Part) -> Origin:
    return Origin(part.container, "container", part.container, service.at(part.place))


def _names(part: Part) -> tuple[str, ...]:
    """Its names, which Podman's DNS answers on any network but the default one."""
    named = (part.container, part.name) if part.network else (part.container,)
    return tuple(dict.fromkeys(name for name in named if name))


def _published(plan: Plan, service: Service, part: Part) -> Iterator[str]:
    for use in published_uses(service, part):
        for address in addresses_of(plan.stack, service, use):
            yield f"{address}:{use.port}/{use.protocol}{_inside(service, part, use)}"


def _inside(service: Service, part: Part, use: PortUse) -> str:
    inside = port_inside(service, part, use.label)
    return f" ({inside} inside)" if inside not in (None, use.port) else ""


def _on(part: Part) -> str:
    network = f"the network {part.network}" if part.network else "Podman's default network"
    return f"{part.container} is on {network}"


def _answer(origin: Origin, target: Target, path: Path, why: Reason, via: str = "") -> Answer:
    return Answer(origin, target, path, via, barriers=(), why=(why,), stopped=None)
