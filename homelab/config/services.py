"""Kinds of service: each has a model of its own, and what a kind does not read is no key of it.

A further kind is a class here, its word in `KINDS`, and a line in `_kind_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, model_validator

from homelab.config.backup import CustomBackup, ServiceBackup
from homelab.config.base import AbsolutePath, Audience, Auth, Kind, Name, Port, Publish, Reason
from homelab.config.dashboard import ServiceTile
from homelab.config.hardening import ServiceHardening
from homelab.config.monitoring import ServiceMonitor
from homelab.config.routes import RouteConfig, exact_name
from homelab.config.service_parts import (
    Container,
    ContainerPort,
    ContainerSecret,
    Control,
    CustomOidc,
    DatasetUse,
    Flake,
    Gpu,
    Header,
    Identity,
    PortConfig,
    ServiceSecret,
)
from homelab.config.types import OptionPath, RequestPath
from homelab.config.vpn import ServiceVpn, VpnUse

_ONE_KIND = "a service is of one kind; keep one of them"


class ServiceConfig(Kind):
    """What may be said of a service of any kind. Everything has a default."""

    enable: bool = True
    host: Name | None = None
    """Where it runs; may be empty where tags decide."""
    name: Annotated[Name, BeforeValidator(exact_name)] | None = None
    """First label of its host name; the service's name when empty."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    port: Port | None = None
    """Web port on its host, where the catalog's or the container's does not suit."""
    routes: list[RouteConfig] | None = None
    """Names in place of the one that `name`, `audience`, `publish` and `auth` describe; an empty
    list for a service without any."""
    public: Reason | None = None
    """Why anyone on the internet may reach it without Cloudflare Access."""
    never_publish: Reason | None = None
    """Why it is for its own host alone: no name, no open port."""
    gpu: Gpu | None = None
    """Use the host's graphics hardware."""
    backup: ServiceBackup = ServiceBackup()
    monitor: ServiceMonitor = ServiceMonitor()
    tile: ServiceTile = ServiceTile()
    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """NixOS options by full path, said outright: they outrank what is derived."""
    accept: dict[Name, Reason] = Field(default_factory=dict)
    """What its options or mounts may do though a check warns of it, each with its reason:
    `{host-network: Thread's router needs real devices}`."""
    tags: list[Name] = Field(default_factory=list)
    """Hosts with one of these tags run it, when it names no host."""
    uses: list[Name] = Field(default_factory=list)
    """Services it calls, which may be on other hosts: opens their port to this host alone."""
    headers: dict[Header, Identity] = Field(default_factory=dict)
    """Headers that it trusts for the identity, and what each holds."""
    state: list[AbsolutePath] = Field(default_factory=list)
    """Directories that hold its state, beside those that the catalog knows."""
    health: RequestPath | None = None
    """Path that answers 200 when all is well; the catalog's when empty, `/` where it has none."""

    @model_validator(mode="after")
    def _said_once(self) -> ServiceConfig:
        if self.host is not None and self.tags:
            raise ValueError("tags decide only where no host is named; keep host or tags")
        if self.routes is not None:
            fields = ("name", "audience", "publish", "auth", "public")
            said = [f for f in fields if getattr(self, f) is not None]
            if said:
                raise ValueError(
                    f"{', '.join(said)} and routes say the same thing; move {said[0]} into routes"
                )
        return self


class NativeService(ServiceConfig):
    """What may be said besides of a service that runs as units of its host's own system."""

    datasets: dict[Name, Name] = Field(default_factory=dict)
    """Datasets it uses, by the catalog's word for their part: `{music: library}`."""
    secrets: dict[Name, ServiceSecret] = Field(default_factory=dict)
    """Secrets that it reads, beside those that the catalog knows."""
    ports: dict[Name, PortConfig] = Field(default_factory=dict)
    """Ports beside its web port."""
    harden: ServiceHardening = ServiceHardening()
    may_control: Control | None = None
    """Units of its host that it may start and stop."""
    vpn: VpnUse | None = None
    """The VPN that it leaves by, and nothing else of it leaves: `privado`."""


class CatalogService(NativeService):
    """A service that the catalog knows: what is not said here follows from its entry."""

    called: ClassVar[str] = "a service of the catalog"
    lacks: ClassVar[Mapping[str, str]] = {
        "container": _ONE_KIND,
        "flake": _ONE_KIND,
        "oidc": "leave it out: the catalog knows how it asks; auth: oidc makes it",
    }

    service: Name | None = None
    """Catalog entry; the service's own name when empty."""


class ContainerService(ServiceConfig):
    """A service that runs as a Podman container: this is all that is known of it."""

    called: ClassVar[str] = "a container"
    lacks: ClassVar[Mapping[str, str]] = {
        "flake": _ONE_KIND,
        "harden": "leave it out: Podman confines a container, and its unit only starts it",
        "may_control": "leave it out: a container has no way to the host's systemd; run it as a "
        "service of the host",
        "service": _ONE_KIND,
        "vpn": "leave it out: its packets come from Podman's network; run it as a NixOS service",
    }

    container: Container
    datasets: dict[Name, DatasetUse] = Field(default_factory=dict)
    """Datasets it uses, by name, and where it finds them: `{library: /books}`."""
    secrets: dict[Name, ContainerSecret] = Field(default_factory=dict)
    """Secrets that it reads."""
    ports: dict[Name, ContainerPort] = Field(default_factory=dict)
    """Ports beside its web port."""
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """How it asks the identity provider itself, for `auth: oidc`."""


class FlakeService(NativeService):
    """A service whose NixOS module comes from a flake: this is all that is known of it."""

    called: ClassVar[str] = "a service of a flake"
    lacks: ClassVar[Mapping[str, str]] = {"container": _ONE_KIND, "service": _ONE_KIND}

    flake: Flake
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """How it asks the identity provider itself, for `auth: oidc`."""


def datasets_of(config: ServiceConfig) -> Mapping[str, str]:
    """The datasets that a service uses, by their part; a container calls them by name."""
    if isinstance(config, ContainerService):
        return {name: name for name in config.datasets}
    return config.datasets if isinstance(config, NativeService) else {}


def ports_of(config: ServiceConfig) -> Mapping[str, PortConfig]:
    """The ports that the stack config says of a service, by their label."""
    return config.ports if isinstance(config, NativeService | ContainerService) else {}


def secrets_of(config: ServiceConfig) -> Mapping[str, ServiceSecret]:
    """The secrets that the stack config says of a service, by their name."""
    return config.secrets if isinstance(config, NativeService | ContainerService) else {}


def is_custom(config: ServiceConfig) -> bool:
    """Whether the stack config alone describes a service."""
    return isinstance(config, ContainerService | FlakeService)


def vpn_of(config: ServiceConfig) -> ServiceVpn | None:
    """The VPN that a service is to leave by, if any."""
    return config.vpn if isinstance(config, NativeService) else None


def _kind_of(value: object) -> str:
    """Which kind is meant, by the keys that are there."""
    if isinstance(value, ServiceConfig):
        return next(word for word, kind in KINDS.items() if type(value) is kind)
    said = value if isinstance(value, Mapping) else {}
    return next((word for word in KINDS if word in said), "catalog")


KINDS: Mapping[str, type[ServiceConfig]] = {
    "container": ContainerService,
    "flake": FlakeService,
    "catalog": CatalogService,
}
"""Each kind by the key that makes it; `catalog` is what has none of these."""

AnyService = Annotated[
    Annotated[CatalogService, Tag("catalog")]
    | Annotated[ContainerService, Tag("container")]
    | Annotated[FlakeService, Tag("flake")],
    Discriminator(_kind_of),
]
"""One service of the stack config, of whatever kind."""
