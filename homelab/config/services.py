"""Kinds of service. Each kind has its own model, with only the keys that it reads.

A new kind is a class in `service_programs.py` or a file beside it, an entry in `KINDS`, and a
line in `AnyService`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Tag

from homelab.config.databases import (
    Databases,
)
from homelab.config.oidc import StatedClient
from homelab.config.service_base import NativeService, ServiceConfig
from homelab.config.service_containers import ContainerService, ContainersService, PodmanService
from homelab.config.service_modules import (
    CatalogService,
    DescribedService,
    FlakeService,
    ModuleService,
)
from homelab.config.service_parts import (
    Dashboard,
    Job,
    PortConfig,
    RateWindow,
    ServiceSecret,
)
from homelab.config.service_programs import ExternalService, StaticService, UnitService
from homelab.config.vpn import ServiceVpn


def datasets_of(config: ServiceConfig) -> Mapping[str, str]:
    """The datasets that a service uses, by role; for a container by dataset name."""
    if isinstance(config, ContainerService):
        return {name: name for name in config.datasets}
    if isinstance(config, ContainersService):
        return {name: name for part in config.containers.values() for name in part.datasets}
    return config.datasets if isinstance(config, NativeService) else {}


def jobs_of(config: ServiceConfig) -> Mapping[str, Job]:
    """The jobs that a service of facts runs."""
    return config.jobs if isinstance(config, DescribedService) else {}


def schedule_of(config: ServiceConfig) -> list[RateWindow]:
    """The rates of a service by the time of day."""
    return config.schedule if isinstance(config, DescribedService) else []


def dashboards_of(config: ServiceConfig) -> list[Dashboard]:
    """The dashboards that the stack config states for a service."""
    return config.dashboards if isinstance(config, DescribedService) else []


def recovers(config: ServiceConfig) -> bool:
    """Whether a service shows its own sign-in again."""
    return config.recovery if isinstance(config, DescribedService) else False


def connects_of(config: ServiceConfig) -> list[str]:
    """The services that a service is connected to."""
    kinds = DescribedService | UnitService
    return config.connects if isinstance(config, kinds) else []


def extends_of(config: ServiceConfig) -> str:
    """The entry of the catalog whose facts a container or a unit takes over; empty for none."""
    kinds = PodmanService | UnitService
    return (config.extends if isinstance(config, kinds) else None) or ""


def databases_of(config: ServiceConfig) -> Databases:
    """The databases that homelab creates for a service."""
    kinds = PodmanService | FlakeService | ModuleService | UnitService
    return config.databases if isinstance(config, kinds) else Databases()


def devices_of(config: ServiceConfig) -> Mapping[str, str]:
    """The devices that a service uses, by role; for a container by device name."""
    if isinstance(config, ContainerService):
        return {name: name for name in config.devices}
    if isinstance(config, ContainersService):
        return {name: name for part in config.containers.values() for name in part.devices}
    return config.devices if isinstance(config, NativeService) else {}


def ports_of(config: ServiceConfig) -> Mapping[str, PortConfig]:
    """The ports that the stack config sets for a service, by label."""
    if isinstance(config, NativeService | ContainerService | ContainersService):
        return config.ports
    return {}


def secrets_of(config: ServiceConfig) -> Mapping[str, ServiceSecret]:
    """The secrets that the stack config sets for a service, by name."""
    if isinstance(config, ContainersService):
        return {name: ServiceSecret(ref=secret.ref) for name, secret in config.secrets.items()}
    return config.secrets if isinstance(config, NativeService | ContainerService) else {}


def client_of(config: ServiceConfig) -> StatedClient:
    """What the stack config states about a service's client at an external provider."""
    kinds = CatalogService | PodmanService | FlakeService | ModuleService | UnitService
    return (config.oidc if isinstance(config, kinds) else None) or StatedClient()


def is_custom(config: ServiceConfig) -> bool:
    """Whether only the stack config describes the service."""
    return not isinstance(config, CatalogService)


def is_made(config: ServiceConfig) -> bool:
    """Whether its entry is made from settings of the service, and not from facts."""
    kinds = PodmanService | FlakeService | ExternalService | UnitService | StaticService
    return isinstance(config, kinds)


def vpn_of(config: ServiceConfig) -> ServiceVpn | None:
    """The VPN of a service's outgoing traffic, if any."""
    return config.vpn if isinstance(config, NativeService) else None


def _kind_of(value: object) -> str:
    """The kind of a service, by its keys."""
    if isinstance(value, ServiceConfig):
        return next(key for key, kind in KINDS.items() if type(value) is kind)
    keys = value if isinstance(value, Mapping) else {}
    return next((key for key in KINDS if key in keys), "catalog")


KINDS: Mapping[str, type[ServiceConfig]] = {
    "container": ContainerService,
    "containers": ContainersService,
    "flake": FlakeService,
    "module": ModuleService,
    "unit": UnitService,
    "static": StaticService,
    "external": ExternalService,
    "catalog": CatalogService,
}
"""Kinds by the key that selects them; `catalog` is a service without either key."""

AnyService = Annotated[
    Annotated[CatalogService, Tag("catalog")]
    | Annotated[ContainerService, Tag("container")]
    | Annotated[ContainersService, Tag("containers")]
    | Annotated[FlakeService, Tag("flake")]
    | Annotated[ModuleService, Tag("module")]
    | Annotated[UnitService, Tag("unit")]
    | Annotated[StaticService, Tag("static")]
    | Annotated[ExternalService, Tag("external")],
    Discriminator(_kind_of),
]
"""One service of the stack config, of any kind."""
