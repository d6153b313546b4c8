"""Podman networks: containers of one network reach each other by service name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from homelab.databases.model import Database
from homelab.grouping import grouped
from homelab.network.model import DNS_PORT
from homelab.nix import Attrs, Comment, Module, Nix, Raw, attrs, merge
from homelab.plan import Plan
from homelab.services.files_unit import SCRIPT, WRITER
from homelab.services.links import port_of
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.secret_files import files_of
from homelab.system.model import Host

LABEL = "homelab"
"""Label of the Podman networks that generated units create."""
NAMES_PORT = 1153
"""Port of Podman's DNS on the resolver's host, where the home resolver uses port 53."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`containers.nix`, on a host with containers."""
    here = plan.on(host.name)
    if not any(s.parts for s in here):
        return
    networks = networks_on(here)
    resolver = bool(networks) and host.name == plan.dns.host
    yield Module(
        "containers.nix",
        "Podman: networks, created before their containers, and pruning of unused images",
        derived=merge(
            _pruned(),
            *(_network(n, users) for n, users in sorted(networks.items())),
            _bridges(here, plan.databases_on(host.name), resolver=resolver),
            _beside_resolver() if resolver else {},
        ),
        extra=((f"services/{WRITER}", SCRIPT),)
        if any(files_of(p) for s in here for p in s.parts)
        else (),
    )


def _pruned() -> Attrs:
    """Each new digest leaves its old image behind, which would stay on the disk for ever."""
    return attrs(
        "virtualisation.podman.autoPrune",
        {
            "enable": True,
            "flags": Comment(
                "Images without a container; networks with this label stay.",
                ["--all", f"--filter=label!={LABEL}"],
            ),
        },
    )


def _bridges(
    here: tuple[Service, ...], databases: tuple[Database, ...], *, resolver: bool
) -> Attrs:
    """Ports that containers may reach on their host: Podman's DNS, and at
    `host.containers.internal` the services and the databases that they use.
    """
    names = NAMES_PORT if resolver else DNS_PORT
    asked: dict[str, list[tuple[int, str]]] = {}
    for service in here:
        for label, users in service.bridges.items():
            for bridge, callers in users.items():
                why = f"{', '.join(callers)} call{'s' if len(callers) == 1 else ''} {service.name}"
                asked.setdefault(bridge, []).append((port_of(service, label), why))
    for database in databases:
        if database.bridge:
            why = f"{database.service} calls its database"
            asked.setdefault(database.bridge, []).append((database.port, why))
    named = {bridge_of(n) for n in networks_on(here)}
    opened: Attrs = {}
    for bridge in sorted({*named, *asked}):
        called = sorted(asked.get(bridge, ()))
        ports = dict.fromkeys(port for port, _ in called)
        tcp: list[Nix] = [*([names] if bridge in named else []), *ports]
        options: Attrs = {"allowedTCPPorts": tcp}
        reasons = [f"{why[0].upper()}{why[1:]}." for _, why in called]
        if bridge in named:
            options["allowedUDPPorts"] = [names]
            reasons = ["Podman's DNS, for the names of other containers.", *reasons]
        opened[bridge] = Comment("\n".join(reasons), options)
    return {"networking": {"firewall": {"interfaces": opened}}} if opened else {}


def networks_on(services: tuple[Service, ...]) -> Mapping[str, tuple[Part, ...]]:
    """The containers of each network."""
    parts = (part for service in services for part in service.parts if part.network)
    return grouped(parts, lambda part: part.network)


def attached(part: Part, release: str) -> Attrs:
    """The network and dependency options of a container."""
    body: Attrs = {}
    # One of several containers is known to the others by its name in the service.
    network = f"{part.network}:alias={part.name}" if part.name else part.network
    if network and release >= "25.05":
        body["networks"] = [network]
    elif network:
        body["extraOptions"] = [f"--network={network}"]
    if part.depends_on:
        body["dependsOn"] = list(part.depends_on)
    return body


def bridge_of(network: str | None) -> str:
    """The host's bridge interface of a Podman network."""
    return f"pod-{network}" if network else "podman0"


def _network(name: str, users: tuple[Part, ...]) -> Attrs:
    units: list[Nix] = [f"{part.unit}.service" for part in users]
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
            "The home resolver uses port 53 of every address; Podman redirects to this port.",
            NAMES_PORT,
        ),
    )
