"""Podman networks: containers of one network find each other by name, and each by its service."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from homelab.grouping import grouped
from homelab.network.model import DNS_PORT
from homelab.nix import Attrs, Comment, Module, Nix, Raw, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host

LABEL = "homelab"
"""Of the networks that a unit of ours makes."""
NAMES_PORT = 1153
"""Where Podman answers for container names on the resolver's own host, whose port 53 is taken."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`containers.nix`, on a host with containers."""
    here = plan.on(host.name)
    if not any(s.container is not None for s in here):
        return
    networks = networks_on(here)
    resolver = bool(networks) and host.name == plan.dns.host
    yield Module(
        "containers.nix",
        "Podman: networks, made before their containers, and images that nothing runs any more",
        derived=merge(
            _pruned(),
            *(_network(n, users) for n, users in sorted(networks.items())),
            _bridges(here, resolver=resolver),
            _beside_resolver() if resolver else {},
        ),
    )


def _pruned() -> Attrs:
    """Each new digest leaves its old image, which has no name any more and would stay for ever."""
    return attrs(
        "virtualisation.podman.autoPrune",
        {
            "enable": True,
            "flags": Comment(
                "Images without a container; never a network of ours, which waits for its own.",
                ["--all", f"--filter=label!={LABEL}"],
            ),
        },
    )


def _bridges(here: tuple[Service, ...], *, resolver: bool) -> Attrs:
    """What containers may ask of their host: Podman for each other's names, and at
    `host.containers.internal` the services that they use.
    """
    names = NAMES_PORT if resolver else DNS_PORT
    asked: dict[str, list[tuple[int, str]]] = {}
    for service in here:
        for bridge, callers in service.bridges.items():
            why = f"{', '.join(callers)} ask{'s' if len(callers) == 1 else ''} {service.name}"
            asked.setdefault(bridge, []).append((service.port, why))
    named = {bridge_of(n) for n in networks_on(here)}
    opened: Attrs = {}
    for bridge in sorted({*named, *asked}):
        mine = sorted(asked.get(bridge, ()))
        tcp: list[Nix] = [*([names] if bridge in named else []), *(port for port, _ in mine)]
        options: Attrs = {"allowedTCPPorts": tcp}
        said = [f"{why[0].upper()}{why[1:]}." for _, why in mine]
        if bridge in named:
            options["allowedUDPPorts"] = [names]
            said = ["Containers ask Podman for each other's names.", *said]
        opened[bridge] = Comment("\n".join(said), options)
    return {"networking": {"firewall": {"interfaces": opened}}} if opened else {}


def networks_on(services: tuple[Service, ...]) -> Mapping[str, tuple[Service, ...]]:
    """The containers of each network."""
    return grouped((s for s in services if network_of(s)), network_of)


def network_of(service: Service) -> str:
    """The Podman network that a service's container is on; empty for Podman's own."""
    container = service.container
    return (container.network or "") if container is not None else ""


def attached(service: Service) -> Attrs:
    """What a container says of its network and of those it needs, under its own name."""
    container = service.container
    if container is None:
        return {}
    body: Attrs = {}
    if container.network and service.release >= "25.05":
        body["networks"] = [container.network]
    elif container.network:
        body["extraOptions"] = [f"--network={container.network}"]
    if container.depends_on:
        body["dependsOn"] = list(container.depends_on)
    return body


def bridge_of(network: str | None) -> str:
    """The interface of the host that containers of a network come by."""
    return f"pod-{network}" if network else "podman0"


def _network(name: str, users: tuple[Service, ...]) -> Attrs:
    units: list[Nix] = [f"{u}.service" for s in users for u in s.units]
    words = ("podman", "network", "create", "--ignore", f"--interface-name={bridge_of(name)}")
    return attrs(
        f'systemd.services."podman-{name}-network"',
        {
            "description": f"Podman network {name}",
            "before": units,
            "path": [Raw("config.virtualisation.podman.package")],
            "requiredBy": units,
            "script": f"exec {shlex.join((*words, f'--label={LABEL}', name))}",
            "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
        },
    )


def _beside_resolver() -> Attrs:
    return attrs(
        "virtualisation.containers.containersConf.settings.network.dns_bind_port",
        Comment(
            "Port 53 of every address is the home resolver's; Podman redirects to this one.",
            NAMES_PORT,
        ),
    )
