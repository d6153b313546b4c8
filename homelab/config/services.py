"""Kinds of service. Each kind has its own model, with only the keys that it reads.

A new kind is a class here, an entry in `KINDS`, and a line in `AnyService`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, model_validator

from homelab.config.backup import CustomBackup, ServiceBackup
from homelab.config.base import AbsolutePath, Audience, Auth, Kind, Name, Port, Publish, Reason
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
from homelab.config.dashboard import ServiceTile
from homelab.config.databases import (
    CatalogDatabases,
    CatalogDatabasesOf,
    Databases,
    DatabasesOf,
)
from homelab.config.devices import DeviceTarget
from homelab.config.facts import OwnFacts
from homelab.config.hardening import ServiceHardening
from homelab.config.monitoring import ServiceMonitor
from homelab.config.oidc import CustomOidc, StatedClient
from homelab.config.routes import RouteConfig, exact_name
from homelab.config.service_parts import (
    Control,
    Dashboard,
    External,
    Flake,
    Gpu,
    Header,
    Identity,
    Job,
    PortConfig,
    RateWindow,
    ServiceIds,
    ServiceSecret,
)
from homelab.config.static import Static, role_of
from homelab.config.types import OptionPath, RequestPath
from homelab.config.unit import ADMINISTRATORS, Unit
from homelab.config.vpn import ServiceVpn, VpnUse

_ONE_KIND = "a service has one kind; keep one of the two keys"
_NO_RATES = "leave it out: only the facts of a service say how its rates are set"
_NO_CONNECTIONS = "leave it out, and write uses: only the facts of a service describe connections"
_KIND_KEYS = ("container", "containers", "external", "flake", "module", "static", "unit")
"""Keys that select a kind."""


def _other_kinds(own: str = "") -> dict[str, str]:
    """The way out for the key of each other kind."""
    return {key: _ONE_KIND for key in _KIND_KEYS if key != own}


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
            fields = ("name", "audience", "publish", "auth", "public")
            given = [f for f in fields if getattr(self, f) is not None]
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


class CatalogService(NativeService):
    """A service of the catalog. Settings that are not written follow from its entry."""

    called: ClassVar[str] = "a service of the catalog"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds(),
        "extends": "leave it out, and write service: with the entry of the catalog",
    }

    service: Name | None = None
    """Catalog entry. Default: the service's key in `services`."""
    databases: CatalogDatabasesOf = CatalogDatabases()
    """Another host that has its database: `{postgresql: {host: nas}}`. homelab creates the database
    there, with a role, a password and dumps, and opens the port to the host of the service.
    Default: the database is on its own host."""
    connects: list[Name] = Field(default_factory=list)
    """Services that it is connected to, with their API keys: `services.sonarr.connects: [sabnzbd]`
    enters SABnzbd as a download client. Implies `uses`."""
    jobs: dict[Name, Job] = Field(default_factory=dict)
    """Jobs of its facts that its host runs, by name: `{generate-previews: {schedule: "03:30"}}`."""
    schedule: list[RateWindow] = Field(default_factory=list)
    """Download and upload rates by the time of day, for a service whose facts have `rates`. The
    windows cover the whole day."""
    dashboards: list[Dashboard] = Field(default_factory=list)
    """Dashboards of grafana.com that Grafana has from its first start, with the data sources of the
    stack: `[{id: 1860, revision: 37, hash: sha256-…}]`."""
    recovery: bool = False
    """Show its own sign-in again, which is off behind the auth proxy. Write it to get in when the
    auth proxy lets nobody in, and leave it out afterwards."""
    oidc: StatedClient | None = None
    """Its client at an external identity provider. The catalog has its other OIDC settings."""


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


_NO_EXTENDS = "leave it out: only a container and a unit take their facts from an entry"
_NO_ENTRY: Mapping[str, str] = {
    "service": _ONE_KIND,
    "connects": _NO_CONNECTIONS,
    "schedule": _NO_RATES,
    "dashboards": "leave it out: only Grafana of the catalog has dashboards",
    "recovery": "leave it out: only the facts of a service say how its sign-in is shown",
    "jobs": "leave it out: only the facts of a service have jobs; a unit with a schedule is one",
}
"""Keys of a service whose facts are in the catalog or in an entry of the owner."""
_NO_SANDBOX: Mapping[str, str] = {
    **_NO_ENTRY,
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
        **_other_kinds("container"),
        **_NO_SANDBOX,
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


class ContainersService(PodmanService):
    """A service that runs as several Podman containers on a network of their own, and is described
    only here.
    """

    called: ClassVar[str] = "a service of several containers"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("containers"),
        **_NO_SANDBOX,
        "datasets": "write it below the container that uses it: containers: {…: {datasets: …}}",
        "devices": "write it below the container that uses it: containers: {…: {devices: …}}",
        "gpu": "write it below the container that uses it: containers: {…: {gpu: …}}",
    }

    if not TYPE_CHECKING:
        # The container that needs it has this field.
        gpu: ClassVar = None

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
        if not with_port:
            raise ValueError(
                "no container has a port; write containers: {…: {port: 80}} for the web port"
            )
        if len(with_port) > 1:
            raise ValueError(
                f"{' and '.join(with_port)} have a port, and a service has one web port; keep it "
                "for one of them, and write another as "
                f"ports: {{NAME: {{port: …, part: {with_port[-1]}}}}}"
            )
        return self


class ModuleService(NativeService):
    """A service with a NixOS module of nixpkgs, described only here."""

    called: ClassVar[str] = "a service of a module"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("module"),
        "extends": "write it below module: extends",
        "service": _ONE_KIND,
    }

    module: OwnFacts
    """Facts of the service, with the same keys as an entry of the catalog."""
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    connects: list[Name] = Field(default_factory=list)
    """Services that it is connected to, with their API keys: `services.sonarr.connects: [sabnzbd]`
    enters SABnzbd as a download client. Implies `uses`."""
    jobs: dict[Name, Job] = Field(default_factory=dict)
    """Jobs of its facts that its host runs, by name: `{generate-previews: {schedule: "03:30"}}`."""
    schedule: list[RateWindow] = Field(default_factory=list)
    """Download and upload rates by the time of day, for a service whose facts have `rates`. The
    windows cover the whole day."""
    dashboards: list[Dashboard] = Field(default_factory=list)
    """Dashboards of grafana.com that Grafana has from its first start, with the data sources of the
    stack: `[{id: 1860, revision: 37, hash: sha256-…}]`."""
    recovery: bool = False
    """Show its own sign-in again, which is off behind the auth proxy. Write it to get in when the
    auth proxy lets nobody in, and leave it out afterwards."""
    oidc: StatedClient | None = None
    """Its client at an external identity provider. Its other OIDC settings are below `module`:
    `sign_in: {kinds: [oidc], oidc: {redirects: […]}}`."""
    backup: CustomBackup = CustomBackup()


class ExternalService(ServiceConfig):
    """Something that no host of the stack runs: a router, a NAS, a printer. It has a name, a
    certificate, a sign-in, a monitor and a tile.
    """

    called: ClassVar[str] = "an external service"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("external"),
        "service": _ONE_KIND,
        **dict.fromkeys(
            (
                *(
                    "accept",
                    "backup",
                    "connects",
                    "schedule",
                    "dashboards",
                    "databases",
                    "extends",
                    "recovery",
                    "datasets",
                    "devices",
                    "gpu",
                    "harden",
                    "host",
                    "ids",
                    "jobs",
                    "may_control",
                ),
                *("never_publish", "options", "ports", "secrets", "state", "tags", "uses", "vpn"),
            ),
            "leave it out: no host of this stack runs it",
        ),
        "oidc": "leave it out: set its client up at the identity provider",
        "port": "write it below external: port",
    }

    if not TYPE_CHECKING:
        # A class variable takes the place of the field: no host runs it, so these are no keys.
        host: ClassVar = None
        gpu: ClassVar = None
        port: ClassVar = None
        never_publish: ClassVar = None
        backup: ClassVar = ServiceBackup()
        options: ClassVar = MappingProxyType({})
        accept: ClassVar = MappingProxyType({})
        tags: ClassVar = ()
        uses: ClassVar = ()
        state: ClassVar = ()

    external: External

    @model_validator(mode="after")
    def _routes_lead_there(self) -> ExternalService:
        for index, route in enumerate(self.routes or ()):
            for field in ("upstream", "port", "lan_direct", "tailnet_direct"):
                if field in route.model_fields_set:
                    raise ValueError(
                        f"routes[{index}].{field} does not apply to an external service; leave it "
                        "out, and describe the connection below external"
                    )
        return self


class FlakeService(NativeService):
    """A service with a NixOS module from a flake, described only here."""

    called: ClassVar[str] = "a service of a flake"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("flake"),
        **_NO_ENTRY,
        "extends": _NO_EXTENDS,
    }

    flake: Flake
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """OIDC settings, for `auth: oidc`."""


class UnitService(NativeService):
    """A service that homelab runs as a systemd unit of its own: a program of a package."""

    called: ClassVar[str] = "a unit"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("unit"),
        **{key: why for key, why in _NO_ENTRY.items() if key != "connects"},
    }

    unit: Unit
    extends: Name | None = None
    """Entry of the catalog with the app's facts: audience, sign-in, health check, upload size,
    icon, exceptions of its sandbox, API key and connections. For an app that runs a second time, or
    in another way: `extends: radarr`."""
    connects: list[Name] = Field(default_factory=list)
    """Services that it is connected to, with their API keys, as the entry in `extends` is."""
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """OIDC settings, for `auth: oidc`."""

    @model_validator(mode="after")
    def _fits_the_rest(self) -> UnitService:
        if self.connects and self.extends is None:
            raise ValueError(
                "only the facts of a service describe connections; add extends: with the entry of "
                "the app, or leave connects out"
            )
        if self.unit.user in ADMINISTRATORS and any(self.databases.items()):
            raise ValueError(
                f"{self.unit.user} administers the databases of the host; leave unit.user out, or "
                "write another one"
            )
        if self.unit.schedule is not None and self.port is not None:
            raise ValueError("with unit.schedule nothing listens between its times; leave port out")
        if self.unit.schedule is not None and self.ports:
            raise ValueError(
                "with unit.schedule nothing listens between its times, and ports would stay open; "
                "leave ports out"
            )
        lost = [role for role in self.unit.writes if role not in self.datasets]
        if lost:
            raise ValueError(
                f"unit.writes names {lost[0]}, which is no role of datasets; add datasets: "
                f"{{{lost[0]}: …}}, or leave it out"
            )
        return self


class StaticService(NativeService):
    """A web site of files, which homelab serves with a small web server on the site's host. The
    files are in a directory, or the host builds them.
    """

    called: ClassVar[str] = "a static site"
    lacks: ClassVar[Mapping[str, str]] = {
        **_other_kinds("static"),
        **_NO_ENTRY,
        "extends": _NO_EXTENDS,
        "databases": "leave it out: files need none",
        "devices": "leave it out: files need none",
        "gpu": "leave it out: files need none",
        "headers": "leave it out: files read no headers",
        "ids": "leave it out: its server writes no files",
        "may_control": "leave it out: files control nothing",
        "oidc": "leave it out, and write auth: forward: files have no sign-in of their own",
        "ports": "leave it out: a site has only its web port",
        "state": "leave it out: write the directory below static",
        "vpn": "leave it out: a server of files calls nobody",
    }

    if not TYPE_CHECKING:
        # A class variable takes the place of the field: files have none of these.
        devices: ClassVar = MappingProxyType({})
        gpu: ClassVar = None
        headers: ClassVar = MappingProxyType({})
        ids: ClassVar = None
        may_control: ClassVar = None
        ports: ClassVar = MappingProxyType({})
        state: ClassVar = ()
        vpn: ClassVar = None

    static: Static

    @model_validator(mode="after")
    def _fits_the_rest(self) -> StaticService:
        build = self.static.build
        if self.port is None or self.port < 1024:
            raise ValueError(
                "a site needs a port of its host, and a port below 1024 only root may open; write "
                "port: 8095"
            )
        used = {role_of(self.static.source)} - {""}
        if unknown := used - set(self.datasets):
            role = min(unknown)
            raise ValueError(
                f"static names {{dataset[{role}]}}, which is no role of datasets; add datasets: "
                f"{{{role}: …}}"
            )
        if lost := sorted(set(self.datasets) - used):
            raise ValueError(
                f"nothing below static uses datasets.{lost[0]}; write its directory as "
                f"{{dataset[{lost[0]}]}}, or leave it out"
            )
        if self.secrets and build is None:
            raise ValueError("only a build reads secrets; leave secrets out, or write static.build")
        if build is not None and build.token is not None:
            secret = self.secrets.get(build.token)
            if secret is None or secret.ref is None or secret.env is not None:
                raise ValueError(
                    f"static.build.token names a stored file; add secrets: {{{build.token}: {{ref: "
                    "{sops: …}}}, without env"
                )
        return self


def datasets_of(config: ServiceConfig) -> Mapping[str, str]:
    """The datasets that a service uses, by role; for a container by dataset name."""
    if isinstance(config, ContainerService):
        return {name: name for name in config.datasets}
    if isinstance(config, ContainersService):
        return {name: name for part in config.containers.values() for name in part.datasets}
    return config.datasets if isinstance(config, NativeService) else {}


def jobs_of(config: ServiceConfig) -> Mapping[str, Job]:
    """The jobs that a service of facts runs."""
    return config.jobs if isinstance(config, CatalogService | ModuleService) else {}


def schedule_of(config: ServiceConfig) -> list[RateWindow]:
    """The rates of a service by the time of day."""
    return config.schedule if isinstance(config, CatalogService | ModuleService) else []


def dashboards_of(config: ServiceConfig) -> list[Dashboard]:
    """The dashboards that the stack config states for a service."""
    return config.dashboards if isinstance(config, CatalogService | ModuleService) else []


def recovers(config: ServiceConfig) -> bool:
    """Whether a service shows its own sign-in again."""
    return config.recovery if isinstance(config, CatalogService | ModuleService) else False


def connects_of(config: ServiceConfig) -> list[str]:
    """The services that a service is connected to."""
    kinds = CatalogService | ModuleService | UnitService
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
