"""Services that run in Podman: one container, or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from homelab.config.backup import CustomBackup
from homelab.config.base import Name
from homelab.config.containers import (
    Container,
    ContainerPart,
    ContainerPort,
    ContainerSecret,
    DatasetUse,
    PartPort,
    PartsBackup,
    SharedSecret,
)
from homelab.config.databases import (
    Databases,
    DatabasesOf,
)
from homelab.config.devices import DeviceTarget
from homelab.config.oidc import CustomOidc
from homelab.config.service_base import NO_ENTRY, ServiceConfig, other_kinds


class PodmanService(ServiceConfig):
    """Further settings of a service that runs in Podman containers."""

    extends: Name | None = None
    """Entry of the catalog with the app's facts: audience, sign-in, health check, upload size and
    icon. For an app that runs a second time, or in another way: `extends: radarr`."""
    oidc: CustomOidc | None = None
    """OIDC settings, for `auth: oidc`."""
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""


NO_SANDBOX: Mapping[str, str] = {
    **NO_ENTRY,
    "harden": "leave it out: Podman isolates the container, and its unit only starts it",
    "may_control": "leave it out: a container cannot reach the host's systemd; run it as a "
    "service of the host",
    "vpn": "leave it out: its packets come from Podman's network; run it as a NixOS service",
    "ids": "leave it out: Podman gives the users of a container their numbers",
}


class ContainerService(PodmanService):
    """A service that runs as a Podman container and is described only here."""

    called: ClassVar[str] = "a container"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("container"),
        **NO_SANDBOX,
    }

    container: Container
    datasets: dict[Name, DatasetUse] = Field(default_factory=dict)
    """Datasets that it uses, by name, with their directory in the container: `{library: /books}`.
    """
    devices: dict[Name, DeviceTarget] = Field(default_factory=dict)
    """Devices of its host that it uses, by name, with their path in the container:
    `{zigbee: /dev/ttyACM0}`."""
    secrets: dict[Name, ContainerSecret] = Field(default_factory=dict)
    """Secrets that it reads."""
    ports: dict[Name, ContainerPort] = Field(default_factory=dict)
    """Ports besides its web port."""
    backup: CustomBackup = CustomBackup()

    @model_validator(mode="after")
    def _leads_somewhere(self) -> ContainerService:
        if self.port is not None and self.container.port is None:
            raise ValueError(
                f"port: {self.port} leads to no port of the container; write the web port of the "
                f"image, container: {{port: {self.port}}}, or leave port out"
            )
        return self


class ContainersService(PodmanService):
    """A service that runs as several Podman containers on a network of their own, and is described
    only here.
    """

    called: ClassVar[str] = "a service of several containers"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("containers"),
        **NO_SANDBOX,
        "datasets": "write it below the container that uses it: containers: {…: {datasets: …}}",
        "devices": "write it below the container that uses it: containers: {…: {devices: …}}",
        "gpu": "write it below the container that uses it: containers: {…: {gpu: …}}",
        "limits": "write it below the container that it limits: containers: {…: {limits: …}}",
    }

    if not TYPE_CHECKING:
        # The container that needs it has this field.
        gpu: ClassVar = None
        limits: ClassVar = None

    containers: Annotated[dict[Name, ContainerPart], Field(min_length=1)]
    """Its containers, by name. They reach each other by these names, on a network of their own:
    `{app: {image: …, port: 80}, db: {image: …}}`."""
    secrets: dict[Name, SharedSecret] = Field(default_factory=dict)
    """Secrets of the service. A container reads those that it names below its own `secrets`."""
    ports: dict[Name, PartPort] = Field(default_factory=dict)
    """Ports besides its web port."""
    backup: PartsBackup = PartsBackup()

    @model_validator(mode="after")
    def _has_one_web_port(self) -> ContainersService:
        with_port = [name for name, part in self.containers.items() if part.port is not None]
        if not with_port and self.port is not None:
            raise ValueError(
                f"port: {self.port} leads to no container; write containers: {{…: {{port: 80}}}} "
                "for the one with the web port, or leave port out"
            )
        if not with_port and len(self.containers) > 1:
            for kind, database in self.databases.items():
                if database.env:
                    raise ValueError(
                        f"no container has a web port, so {min(database.env)} of databases.{kind} "
                        "has no reader; leave env out, and name the secret at a container: "
                        f"containers: {{{min(self.containers)}: {{secrets: {{{kind}: VARIABLE}}}}}}"
                    )
            for label, port in self.ports.items():
                if port.part is None:
                    raise ValueError(
                        f"no container has a web port, so {label} may lead to any; write "
                        f"ports: {{{label}: {{port: {port.port}, part: {min(self.containers)}}}}}"
                    )
        if len(with_port) > 1:
            raise ValueError(
                f"{' and '.join(with_port)} have a port, and a service has one web port; keep it "
                "for one of them, and write another as "
                f"ports: {{NAME: {{port: …, part: {with_port[-1]}}}}}"
            )
        return self
