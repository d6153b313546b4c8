"""The containers of a service: one, or several that belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.config.containers import (
    RESERVED_NETWORKS,
    ContainerBase,
    DatasetMount,
    Mount,
    PartSecret,
)
from homelab.config.service_base import ServiceConfig
from homelab.config.service_containers import ContainerService, ContainersService
from homelab.config.service_parts import Gpu, Limits

_LONGEST = 11
"""Length of a network's name: Linux allows fifteen bytes, and the bridge has a prefix."""


@dataclass(frozen=True)
class Part:
    """One container of a service."""

    name: str
    """Its name in the service; empty for the only container of a service."""
    container: str
    """Its name for Podman: `wiki`, or `wiki-db`."""
    config: ContainerBase
    place: str
    """Its place below the service: `container`, or `containers.db`."""
    is_web: bool
    """Whether ports lead to it that name no container: it has the web port, or is the only one."""
    port: int | None
    """Web port inside the container."""
    network: str = ""
    """Its Podman network; empty for Podman's default network."""
    depends_on: tuple[str, ...] = ()
    """Podman's names of the containers that start before it."""
    gpu: Gpu | None = None
    limits: Limits | None = None
    datasets: Mapping[str, DatasetMount] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    """Devices of the host by name, with their paths in the container."""
    secrets: Mapping[str, PartSecret] = field(default_factory=dict)
    """Secrets of the service that it names, for one of several containers."""
    has_all_secrets: bool = True
    """Whether it reads every secret of the service, as its only container does."""

    @property
    def unit(self) -> str:
        """Its systemd unit, without `.service`."""
        return f"podman-{self.container}"

    @property
    def files_unit(self) -> str:
        """The unit that writes its files with secrets, without `.service`."""
        return f"{self.unit}-files"


def parts_of(name: str, config: ServiceConfig) -> tuple[Part, ...]:
    """The containers of a service, the one with the web port first; none for other kinds."""
    if isinstance(config, ContainerService):
        return (
            Part(
                name="",
                container=name,
                config=config.container,
                place="container",
                is_web=True,
                port=config.container.port,
                network=config.container.network or "",
                depends_on=tuple(config.container.depends_on),
                gpu=config.gpu,
                limits=config.limits,
                datasets=config.datasets,
                devices=config.devices,
            ),
        )
    if not isinstance(config, ContainersService):
        return ()
    web_first = sorted(config.containers.items(), key=lambda p: (p[1].port is None, p[0]))
    return tuple(
        Part(
            name=part,
            container=f"{name}-{part}",
            config=stated,
            place=f"containers.{part}",
            is_web=stated.port is not None or len(web_first) == 1,
            port=stated.port,
            network=own_network(name),
            depends_on=tuple(f"{name}-{other}" for other in stated.depends_on),
            gpu=stated.gpu,
            limits=stated.limits,
            datasets=stated.datasets,
            devices=stated.devices,
            secrets=stated.secrets,
            has_all_secrets=False,
        )
        for part, stated in web_first
    )


def own_network(name: str) -> str:
    """The Podman network of a service with several containers: its name, shortened if it is too
    long for a bridge or reserved by Podman.
    """
    if len(name) <= _LONGEST and name not in RESERVED_NETWORKS:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:4]
    return f"{name[: _LONGEST - 5].rstrip('-')}-{digest}"


def network_of(config: ServiceConfig, name: str) -> str:
    """The Podman network of a service's containers; empty for Podman's default network."""
    return next((part.network for part in parts_of(name, config)), "")


def is_made(mount: Mount) -> bool:
    """Whether homelab makes the directory of a mount."""
    return mount.source.startswith("/var/") and not mount.read_only
