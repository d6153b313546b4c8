"""Podman networks: containers of one network find each other by name, and each by its service."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.model import grouped
from homelab.network.model import DNS_PORT
from homelab.nix import Attrs, Comment, Module, Nix, Raw, attrs, merge

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.services.model import Service
    from homelab.system.model import Host

NAMES_PORT = 1153
"""Where Podman answers for container names on the resolver's own host, whose port 53 is taken."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`containers.nix`, on a host whose containers are on a network."""
    networks = networks_on(plan.on(host.name))
    if not networks:
        return
    resolver = host.name == plan.dns.host
    yield Module(
        "containers.nix",
        "Podman networks: made before their containers, which know each other by name",
        derived=merge(
            *(_network(n, users, resolver=resolver) for n, users in sorted(networks.items())),
            _beside_resolver() if resolver else {},
        ),
    )


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


def _network(name: str, users: tuple[Service, ...], *, resolver: bool) -> Attrs:
    bridge = f"pod-{name}"
    units: list[Nix] = [f"{u}.service" for s in users for u in s.units]
    words = ("podman", "network", "create", "--ignore", f"--interface-name={bridge}", name)
    port = NAMES_PORT if resolver else DNS_PORT
    return merge(
        attrs(
            f'systemd.services."podman-{name}-network"',
            {
                "description": f"Podman network {name}",
                "before": units,
                "path": [Raw("config.virtualisation.podman.package")],
                "requiredBy": units,
                "script": f"exec {shlex.join(words)}",
                "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
            },
        ),
        {
            "networking": {
                "firewall": {
                    "interfaces": {
                        bridge: Comment(
                            "Containers ask Podman for each other's names.",
                            {"allowedTCPPorts": [port], "allowedUDPPorts": [port]},
                        )
                    }
                }
            }
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
