"""Services: what the stack config says of one, and what the plan knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from homelab.backup.model import ServiceBackup
from homelab.catalog.model import Entry
from homelab.dashboard.model import ServiceTile
from homelab.hardening.model import ServiceHardening
from homelab.model import (
    AbsolutePath,
    Audience,
    Auth,
    Model,
    Name,
    Port,
    Publish,
    Reason,
    SecretRef,
    Str,
)
from homelab.monitoring.model import ServiceMonitor
from homelab.network.model import LOOPBACK, PortUse, Protocol, Scope
from homelab.network.route import RouteConfig, exact_name
from homelab.system.model import Role
from homelab.vpn.model import Namespace, VpnUse

Verb = Literal["reload", "restart", "start", "stop"]
Unit = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9@_-]*$")]
Header = Annotated[Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class PortConfig(Model):
    """A port of a custom service."""

    port: Port
    protocol: Protocol = "tcp"
    scope: Scope = "loopback"
    """How far it is open by itself; a route opens what it needs."""
    why: Str = ""
    """Why it is open further than loopback."""


class Mount(Model):
    """A directory of the host inside a container."""

    source: AbsolutePath
    target: AbsolutePath
    read_only: bool = False


class Container(Model):
    """A service that runs as a Podman container."""

    image: Annotated[Str, Field(pattern=r"^[^\s@]+(:[^\s@/]+)?@sha256:[0-9a-f]{64}$")]
    """Image with its digest: `ghcr.io/a/b:1.2@sha256:…`. A tag alone may change under you."""
    port: Port
    """Web port inside the container."""
    environment: dict[str, Str] = Field(default_factory=dict)
    mounts: list[Mount] = Field(default_factory=list)
    command: list[Str] = Field(default_factory=list)
    network: Annotated[Str, Field(pattern=r"^[a-z][a-z0-9-]{0,10}$")] | None = None
    """Podman network, shared with every container of the host that names it: they find each other
    by service name."""
    depends_on: list[Name] = Field(default_factory=list)
    """Containers on the same network that start before it."""


class FlakeService(Model):
    """A service whose NixOS module comes from a flake of `homelab:flakes`."""

    input: Name
    module: Str = "default"
    """Attribute under the flake's `nixosModules`."""
    unit: Str
    """The systemd unit it makes, without `.service`."""
    dynamic_user: bool = False
    """The unit runs with DynamicUser: its state lies below /var/lib/private."""


class ServiceSecret(Model):
    """A secret that a custom service reads."""

    ref: SecretRef | None = None
    """Where it is stored; derived from the master key when empty."""
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Variable of the service's environment that holds it; a plain file when empty."""
    owner: Name | None = None
    """User that reads the file; root when empty, for systemd hands credentials over itself."""
    mode: Annotated[Str, Field(pattern=r"^0[0-7]{3}$")] = "0400"
    """Permission bits, in quotes."""


class CustomOidc(Model):
    """How a custom service asks the identity provider itself."""

    redirects: Annotated[list[AbsolutePath], Field(min_length=1)]
    """Paths that the provider sends people back to: `/oauth2/callback`."""
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Variable of its environment that holds the client secret; a plain file when empty, which
    options name as `{$secret: oidc}`."""
    scopes: list[Name] = Field(default_factory=lambda: ["openid", "profile", "email", "groups"])
    post: bool = False
    """It sends its secret in the body and not in a header."""


class Control(Model):
    """Units of its host that a service may start and stop: for agents, which get nothing else."""

    units: Annotated[list[Unit], Field(min_length=1)]
    """Units of services on its host, without `.service`."""
    verbs: Annotated[list[Verb], Field(min_length=1)]
    """What it may do with them. How they are, everybody on the host may ask."""
    user: Name | None = None
    """The user that it runs as, where the catalog does not know."""


class ServiceConfig(Model):
    """One service. Everything has a default that follows from the catalog."""

    service: Name | None = None
    """Catalog entry; the service's own name when empty."""
    enable: bool = True
    host: Name | None = None
    """Where it runs; may be empty where tags decide."""
    name: Annotated[Name, BeforeValidator(exact_name)] | None = None
    """First label of its host name; the service's name when empty."""
    audience: Audience | None = None
    publish: Publish | None = None
    auth: Auth | None = None
    port: Port | None = None
    """Web port, where the catalog's does not suit."""
    routes: list[RouteConfig] | None = None
    """Names in place of the one that `name`, `audience`, `publish` and `auth` describe; an empty
    list for a service without any."""
    public: Reason | None = None
    """Why anyone on the internet may reach it without Cloudflare Access."""
    never_publish: Reason | None = None
    """Why it is for its own host alone: no name, no open port."""
    gpu: Literal["nvidia", "intel", "amd"] | None = None
    """Use the host's graphics hardware."""
    datasets: dict[Name, Name] = Field(default_factory=dict)
    """Datasets it uses, by the catalog's word for their part: `{music: library}`."""
    backup: ServiceBackup = ServiceBackup()
    monitor: ServiceMonitor = ServiceMonitor()
    tile: ServiceTile = ServiceTile()
    harden: ServiceHardening = ServiceHardening()
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """NixOS options by full path, said outright: they outrank what is derived."""
    secrets: dict[Name, ServiceSecret] = Field(default_factory=dict)
    """Secrets of a custom service."""
    tags: list[Name] = Field(default_factory=list)
    """Hosts with one of these tags run it, when it names no host."""
    uses: list[Name] = Field(default_factory=list)
    """Services it calls, which may be on other hosts: opens their port to this host alone."""
    may_control: Control | None = None
    """Units of its host that it may start and stop."""
    vpn: VpnUse | None = None
    """The VPN that it leaves by, and nothing else of it leaves: `privado`."""
    container: Container | None = None
    flake: FlakeService | None = None
    ports: dict[Name, PortConfig] = Field(default_factory=dict)
    """Ports of a custom service beside its web port."""
    headers: dict[Header, Literal["user", "email", "name", "groups"]] = Field(default_factory=dict)
    """Headers that a custom service trusts for the identity, and what each holds."""
    oidc: CustomOidc | None = None
    """How a custom service asks the identity provider itself, for `auth: oidc`."""
    state: list[AbsolutePath] = Field(default_factory=list)
    """Directories of a custom service that hold its state."""
    health: AbsolutePath = "/"
    """Path of a custom service that answers 200 when all is well."""

    @model_validator(mode="after")
    def _one_kind(self) -> ServiceConfig:
        kinds = [k for k in ("service", "container", "flake") if getattr(self, k) is not None]
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other; keep one")
        if self.routes is not None:
            said = [
                f for f in ("name", "audience", "publish", "auth") if getattr(self, f) is not None
            ]
            if said:
                raise ValueError(
                    f"{', '.join(said)} and routes say the same thing; move {said[0]} into routes"
                )
        return self

    @property
    def is_custom(self) -> bool:
        """Whether the stack config alone describes it."""
        return self.container is not None or self.flake is not None


@dataclass(frozen=True)
class Service:
    """One service on one host, with everything that follows from placing it there."""

    name: str
    host: str
    config: ServiceConfig
    entry: Entry
    ports: tuple[PortUse, ...]
    port: int
    """Web port; 0 for a service without one."""
    bind: str
    """Address the web port is bound to: 127.0.0.1, or 0.0.0.0 where another host calls it and the
    firewall is the boundary."""
    callers: tuple[str, ...]
    """Hosts that call its web port over the tailnet."""
    state: tuple[str, ...]
    release: str
    source: str
    role: Role = "workhorse"
    """Role of its host."""
    namespace: Namespace | None = None
    """The network namespace that it runs in; none for the host's own network."""

    @property
    def address(self) -> str:
        """Where its own host finds it, if it listens there."""
        return self.namespace.inside if self.namespace else LOOPBACK

    @property
    def is_outside_only(self) -> bool:
        """A container that others call is published on its host's own addresses alone."""
        return self.config.container is not None and bool(self.callers)

    @property
    def units(self) -> tuple[str, ...]:
        """Its systemd units, without `.service`."""
        return self.entry.units
