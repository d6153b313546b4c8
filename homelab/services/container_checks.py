"""Checks of containers: their mounts, ports, names and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from homelab.check import check
from homelab.config.containers import PartPort
from homelab.config.services import ports_of
from homelab.connections.pairs import place_of_use
from homelab.grouping import leads_to
from homelab.network.between import on_tailnet
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.published import addresses_of


@check("container-ref")
def container_ref(plan: Plan) -> Iterator[Problem]:
    """A container can depend only on containers of its host and its Podman network; any other name
    would fail at start.
    """
    for service in plan.services:
        for part in service.parts:
            if part.name:
                yield from _unknown_parts(service, part)
            else:
                yield from _unknown_containers(plan, service, part)


def _unknown_parts(service: Service, part: Part) -> Iterator[Problem]:
    near = {p.name for p in service.parts} - {part.name}
    depends_on = {p.container: p.depends_on for p in service.parts}
    for index, container in enumerate(part.depends_on):
        name = container.removeprefix(f"{service.name}-")
        where = service.at(f"{part.place}.depends_on[{index}]")
        if name not in near:
            yield Problem(
                where,
                f'{service.name} has no other container "{name}"',
                did_you_mean(name, near, f"containers of {service.name}"),
            )
        elif leads_to(depends_on, container, part.container):
            yield _circle(where, name, part.name)


def _circle(where: str, needed: str, by: str) -> Problem:
    what = f"{needed} depends on {by} as well, so neither would start"
    return Problem(where, what, "leave one of the two out")


def _unknown_containers(plan: Plan, service: Service, part: Part) -> Iterator[Problem]:
    here = {p.container: p for s in plan.on(service.host) for p in s.parts if not p.name}
    near = here.keys() - {service.name}
    depends_on = {name: p.depends_on for name, p in here.items()}
    for index, name in enumerate(part.depends_on):
        where = service.at(f"container.depends_on[{index}]")
        if name not in near:
            yield Problem(
                where,
                f'no other container "{name}" runs on {service.host}',
                did_you_mean(name, near, f"containers of {service.host}"),
            )
            continue
        if leads_to(depends_on, name, part.container):
            yield _circle(where, name, service.name)
        network = here[name].network
        if not part.network or network != part.network:
            yield Problem(
                where,
                f"{service.name} is on {_network(part.network)}, and {name} on "
                f"{_network(network)}, so neither can resolve the other's name",
                f"write network: {part.network or network or service.name[:11]} for both",
            )


def _network(name: str) -> str:
    return f"the network {name}" if name else "no network of its own"


@check("container-name")
def container_name(plan: Plan) -> Iterator[Problem]:
    """The second of two containers with one name replaces the first. Two services that share a
    network by accident reach each other's containers.
    """
    for host in plan.hosts:
        here = [(s, p) for s in plan.on(host) for p in s.parts]
        for (first, one), (second, other) in combinations(here, 2):
            if first is second:
                continue
            if one.container == other.container:
                yield Problem(
                    second.at(other.place),
                    f"{first.at(one.place)} is a container {one.container} on {host}, too",
                    "give one of them another name",
                )
            elif one.network and one.network == other.network and (one.name or other.name):
                # The network of several containers follows from the name of their service.
                free, place = (second, other) if one.name else (first, one)
                yield Problem(
                    free.at(f"{place.place}.network") if not place.name else free.at(place.place),
                    f"{one.network} is the network of {(first if one.name else second).name}, for "
                    "its own containers",
                    "write another network" if not place.name else "give the service another name",
                )


@check("container-port")
def container_port(plan: Plan) -> Iterator[Problem]:
    """A port leads to a container of its service."""
    for service in with_containers(plan):
        names = {part.name for part in service.parts if part.name}
        for label, stated in ports_with_part(service):
            if stated not in names:
                yield Problem(
                    service.at(f"ports.{label}.part"),
                    f'{service.name} has no container "{stated}"',
                    did_you_mean(stated, names, f"containers of {service.name}"),
                )


def ports_with_part(service: Service) -> Iterator[tuple[str, str]]:
    """Labels of ports with the container that the stack names for them."""
    for label, stated in ports_of(service.config).items():
        if isinstance(stated, PartPort) and stated.part is not None:
            yield label, stated.part


@check("container-address")
def container_address(plan: Plan) -> Iterator[Problem]:
    """A container's port is published at an address of its host; without an address nobody reaches
    it.
    """
    for service in plan.services:
        if not service.parts:
            continue
        host = plan.hosts[service.host]
        for use in service.ports:
            if not addresses_of(plan.stack, service, use):
                if use.scope == "tailnet" and not on_tailnet(plan.stack, use.host):
                    continue  # scope-tailnet reports it
                kind = "tailnet" if use.scope == "tailnet" else "lan"
                # backend-reachable reports a route that the reverse proxy cannot forward there.
                if use.label != "web" or use.scope in ("lan", "link"):
                    yield Problem(
                        f"{host.source}.address.{kind}",
                        f"{service.name} publishes {use.port}/{use.protocol} at this address, "
                        "which is not set",
                        f"add address: {{{kind}: …}}, or narrow the port's scope",
                    )


@check("container-uses")
def container_uses(plan: Plan) -> Iterator[Problem]:
    """A container has its own loopback, so it reaches services of its host only on its Podman
    network or at `host.containers.internal`.
    """
    for service in plan.services:
        if not service.parts:
            continue
        mine = service.parts[0]
        here = {s.name: s for s in plan.on(service.host)}
        for use in service.uses:
            name = use.name
            other = here.get(name)
            if other is None or other is service:
                continue
            theirs = next(iter(other.parts), None)
            where = place_of_use(plan.stack, service.name, use)
            if theirs is not None and (not mine.network or mine.network != theirs.network):
                network = mine.network or theirs.network or service.name[:11]
                yield Problem(
                    where,
                    f"{service.name} and {name} are containers of {service.host} without a common "
                    "network, so neither reaches the other's ports",
                    f"write container: {{network: {network}}} for both"
                    if not (mine.name or theirs.name)
                    else "write them as one service, containers: {…}, or leave uses out",
                )
            elif theirs is None and other.namespace is not None:
                yield Problem(
                    where,
                    f"{name} runs in a VPN namespace, which containers cannot reach",
                    "leave it out",
                )


def with_containers(plan: Plan) -> Iterator[Service]:
    """Each service with containers once."""
    return (s for s in plan.each_service() if s.parts)
