"""Settings of every kind of service, and what kinds refuse with the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from homelab.config.backup import ServiceBackup
from homelab.config.base import AbsolutePath, Audience, Auth, Kind, Name, Port, Publish, Reason
from homelab.config.dashboard import ServiceTile
from homelab.config.hardening import ServiceHardening
from homelab.config.monitoring import ServiceMonitor
from homelab.config.routes import RouteConfig, exact_name
from homelab.config.service_parts import (
    Control,
    Gpu,
    Header,
    Identity,
    Limits,
    PortConfig,
    ServiceIds,
    ServiceSecret,
)
from homelab.config.types import OptionPath, RequestPath
from homelab.config.vpn import VpnUse

ONE_KIND = "a service has one kind; keep one of the two keys"
NO_RATES = "leave it out: only the facts of a service say how its rates are set"
NO_CONNECTIONS = "leave it out, and write uses: only the facts of a service describe connections"
KIND_KEYS = ("container", "containers", "external", "flake", "module", "static", "unit")
"""Keys that select a kind."""


def other_kinds(own: str = "") -> dict[str, str]:
    """The way out for the key of each other kind."""
    return {key: ONE_KIND for key in KIND_KEYS if key != own}


OF_ROUTE = ("name", "audience", "publish", "auth", "public")
"""Fields of a service that are those of its only route. With `routes` they are there."""


class ServiceConfig(Kind):
    """Settings of every kind of service. All of them have defaults."""

    enable: bool = True
    host: Name | None = None
    """Host that runs the service. Leave it empty if `tags` decide."""
    name: Annotated[Name, BeforeValidator(exact_name)] | None = None
    """First label of its host name. Default: the service's key in `services`."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    port: Port | None = None
    """Web port on its host. Default: the port of the catalog or of the container."""
    routes: list[RouteConfig] | None = None
    """Host names of the service, instead of the one that `name`, `audience`, `publish` and `auth`
    describe. An empty list: the service has no name."""
    public: Reason | None = None
    """Reason why anyone on the internet may reach it without Cloudflare Access."""
    never_publish: Reason | None = None
    """Reason why only its own host may reach it: no name, no open port."""
    planned: Reason | None = None
    """Why or when it comes: `{planned: after the new disk}`. `homelab show` lists the service, and
    nothing else of it exists: no unit, name, record, health check or tile. Its name need not be in
    the catalog yet."""
    limits: Limits | None = None
    """Most memory and processor time that it may take: `{memory: 2 GiB, cpus: 1.5}`."""
    gpu: Gpu | None = None
    """Give the service access to the host's GPU."""
    backup: ServiceBackup = ServiceBackup()
    monitor: ServiceMonitor = ServiceMonitor()
    tile: ServiceTile = ServiceTile()
    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """NixOS options by full path. They override derived options."""
    accept: dict[Name, Reason] = Field(default_factory=dict)
    """Warnings about its options or mounts to accept, each with the reason:
    `{host-network: Thread's router needs real devices}`."""
    tags: list[Name] = Field(default_factory=list)
    """Run the service on every host with one of these tags. Only without `host`."""
    uses: list[Name] = Field(default_factory=list)
    """Services that it calls, on any host. Opens their ports to this host only. A reference such as
    `{$service: ollama}` has the same effect."""
    headers: dict[Header, Identity] = Field(default_factory=dict)
    """Headers from which the service takes the identity of the user, with the value of each."""
    state: list[AbsolutePath] = Field(default_factory=list)
    """State directories besides those that the catalog knows."""
    health: RequestPath | None = None
    """Path that answers with status 200 when the service works. Default: the path of the catalog,
    otherwise `/`."""

    critical: bool = False
    """Whether the home depends on it. `homelab vm-tests` then writes a NixOS test for it: a virtual
    machine with the service as its host has it, which must start, open its port and answer."""

    @property
    def runs(self) -> bool:
        """Whether it is neither switched off nor planned."""
        return self.enable and self.planned is None

    @model_validator(mode="after")
    def _no_duplicates(self) -> ServiceConfig:
        if self.planned is not None and "enable" in self.model_fields_set:
            raise ValueError("a planned service does not run; leave enable out, or planned")
        if self.host is not None and self.tags:
            raise ValueError("tags apply only to a service without a host; keep host or tags")
        if self.routes is not None:
            given = [f for f in OF_ROUTE if getattr(self, f) is not None]
            if given:
                raise ValueError(
                    f"{', '.join(given)} and routes exclude each other; move {given[0]} into routes"
                )
            main = [f"routes[{i}]" for i, route in enumerate(self.routes) if route.main]
            if len(main) > 1:
                raise ValueError(
                    f"{' and '.join(main)} are both the main route; leave main out of {main[1]}"
                )
        return self


class NativeService(ServiceConfig):
    """Further settings of a service that runs as systemd units of its host."""

    datasets: dict[Name, Name] = Field(default_factory=dict)
    """Datasets that it uses, by their role in the catalog entry: `{music: library}`."""
    devices: dict[Name, Name] = Field(default_factory=dict)
    """Devices of its host that it uses, by their role in the catalog entry: `{radio: zigbee}`. It
    runs only while they are there."""
    secrets: dict[Name, ServiceSecret] = Field(default_factory=dict)
    """Secrets that it reads, besides those that the catalog knows."""
    ports: dict[Name, PortConfig] = Field(default_factory=dict)
    """Ports besides its web port."""
    harden: ServiceHardening = ServiceHardening()
    may_control: Control | None = None
    """Units of its host that it may start and stop."""
    vpn: VpnUse | None = None
    """VPN for all its outgoing traffic: `privado`."""
    ids: ServiceIds | None = None
    """Fixed uid and gid of its user, which the lock keeps: `ids: {}`. Files that are restored or
    come from another host then belong to it. A dynamic user becomes an ordinary one, and systemd
    moves its state out of /var/lib/private."""

    @model_validator(mode="after")
    def _numbers_have_one_place(self) -> NativeService:
        if self.ids is not None and self.vpn is not None and (self.vpn.uid or self.vpn.gid):
            raise ValueError("ids and vpn both have numbers; move those of vpn into ids")
        return self


NO_EXTENDS = "leave it out: only a container and a unit take their facts from an entry"
NO_ENTRY: Mapping[str, str] = {
    "service": ONE_KIND,
    "connects": NO_CONNECTIONS,
    "schedule": NO_RATES,
    "dashboards": "leave it out: only Grafana of the catalog has dashboards",
    "recovery": "leave it out: only the facts of a service say how its sign-in is shown",
    "jobs": "leave it out: only the facts of a service have jobs; a unit with a schedule is one",
}
"""Keys of a service whose facts are in the catalog or in an entry of the owner."""
