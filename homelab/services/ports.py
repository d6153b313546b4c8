"""The port registry: the number of each web port, and the owner of every port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.config.network import Protocol
from homelab.config.stack import StackConfig
from homelab.network.model import MDNS_PORT, RESOLVERS, PortUse
from homelab.services.containers import NAMES_PORT, networks_on
from homelab.services.model import Service
from homelab.system.model import Host

PROTOCOLS: tuple[Protocol, ...] = ("tcp", "udp")


def assign_ports(stack: StackConfig, services: tuple[Service, ...]) -> tuple[Service, ...]:
    """Assign a number to every web port.

    The number comes from the stack, otherwise from the lock, otherwise from the policy: the default
    of the service, or the next free number of its band. An assigned number stays when other
    services are removed. A port that no option sets keeps its default.
    """
    fixed: dict[tuple[str, str], int] = {}
    for service in services:
        memory = service.memory
        known = service.config.port or (
            memory.placement.port if memory and memory.host == service.host else None
        )
        if known and service.port and is_movable(service):
            fixed[(service.name, service.host)] = known
    taken = {
        (s.host, p.port)
        for s in services
        for p in s.ports
        if p.label != "web" or stack.network.ports.policy == "default"
    } | {(host, port) for (_, host), port in fixed.items()}
    out = []
    for service in services:
        port = fixed.get((service.name, service.host))
        if port is None:
            port = _by_policy(stack, service, taken)
            taken.add((service.host, port))
        out.append(_on_port(service, port))
    return tuple(out)


def _by_policy(stack: StackConfig, service: Service, taken: set[tuple[str, int]]) -> int:
    if stack.network.ports.policy == "default" or not is_movable(service):
        return service.port
    first, last = band(stack, service)
    free = (p for p in range(first, last + 1) if (service.host, p) not in taken)
    return next(free, service.port)


def is_movable(service: Service) -> bool:
    """Whether an option of its module, in its host's release, sets its web port."""
    return service.entry.moves_port(service.release)


def band(stack: StackConfig, service: Service) -> tuple[int, int]:
    """First and last port of the service's band."""
    bands = stack.network.ports.bands
    first, last = bands.infrastructure if service.entry.infrastructure else bands.services
    return first, last


def _on_port(service: Service, port: int) -> Service:
    ports = tuple(replace(p, port=port) if p.label == "web" else p for p in service.ports)
    return replace(service, port=port, ports=ports)


def _names(services: tuple[Service, ...]) -> Iterator[PortUse]:
    """The port of Podman's DNS, on hosts where the home resolver uses port 53."""
    taken = {s.host for s in services if s.name in RESOLVERS}
    for service in services:
        if networks_on((service,)) and service.host in taken:
            taken.remove(service.host)
            for protocol in PROTOCOLS:
                yield PortUse(
                    host=service.host,
                    port=NAMES_PORT,
                    protocol=protocol,
                    owner="podman",
                    label="names",
                    scope="loopback",
                    source=service.at("container.network"),
                    why="Podman's DNS for names of containers",
                )


def plan_ports(hosts: Mapping[str, Host], services: tuple[Service, ...]) -> tuple[PortUse, ...]:
    """Every port that is used on a host, sorted by host and number."""
    uses = [p for s in services for p in s.ports]
    uses += _names(services)
    for host in hosts.values():
        if host.is_nixos:
            uses.append(
                PortUse(
                    host=host.name,
                    port=host.config.ssh.port,
                    protocol="tcp",
                    owner="ssh",
                    label="ssh",
                    scope="lan",
                    source=f"{host.source}.ssh.port",
                    why="repairs and every deployment",
                    internet=bool(host.public),
                )
            )
        if host.is_nixos and host.config.mdns:
            uses.append(
                PortUse(
                    host=host.name,
                    port=MDNS_PORT,
                    protocol="udp",
                    owner="avahi",
                    label="mdns",
                    scope="link",
                    source=f"{host.source}.mdns",
                    why=f"{host.name}.local",
                )
            )
    return tuple(sorted(uses, key=lambda p: (p.host, p.port, p.protocol, p.owner)))
