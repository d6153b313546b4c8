"""The facts of a service: what homelab must know to run it, without a homelab.

The catalog and an owner write the same facts with the same keys: in `catalog/entries/NAME.yaml`, in
`services/NAME.yaml` beside the stack file, or below `module:` in the stack config. The facts of one
service are in one place and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, field_validator

from homelab.config.base import AbsolutePath, Audience, Model, Name, Release, Str, SubDirectory
from homelab.config.connections import ApiKey, ApiObject, ConnectionFact, about_itself
from homelab.config.databases import DatabaseElsewhere
from homelab.config.devices import DeviceOfFacts
from homelab.config.fact_dumps import Dump
from homelab.config.fact_parts import (
    FormerState,
    FurtherPort,
    Hardening,
    JobFact,
    MailFact,
    Maintenance,
    Many,
    OptionalPart,
    OptionName,
    PackageName,
    PortOfFacts,
    SecretFact,
    SignIn,
    Since,
    UnitPattern,
    Upgrade,
)
from homelab.config.routes import Size, Upstream
from homelab.config.service_parts import Gpu
from homelab.config.types import (
    FilePattern,
    FlakeModule,
    Icon,
    Label,
    OptionPath,
    RequestPath,
    Url,
    UserName,
)


def _listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


Database = Literal["none", "sqlite", "postgresql", "mysql", "own"]
"""`own`: a database of the service's own kind, which its program dumps."""
Need = Literal["always_on", "gpu"]
Data = Literal["metrics", "series", "logs", "alerts", "journal", "measures"]
"""Data that services exchange without `uses`."""
OneOrMoreData = Annotated[
    Many[Data], BeforeValidator(_listed, json_schema_input_type=Data | Many[Data])
]
Options = dict[OptionPath, JsonValue]
"""NixOS options by full path. Values may refer to the plan: `{$port: web}`, `{$secret: admin}`,
`{$dataset: music}`, `{$device: radio}`, `{$package: ollama-cuda}`, `{$packages: [psycopg2]}`,
`{$text: "{url}/login"}`, `{$service: ollama}`, `{$urls: all}`, `{$last: […]}`, `{$force: …}`,
`{$config: …}`."""


class ServiceFacts(Model):
    """The facts of a service. All of them have defaults."""

    title: Label = ""
    """Its name as people write it. Default: made from its key."""
    summary: Label = ""
    """Its purpose in one line, for the dashboard."""
    category: Label = "Tools"
    """Group on the dashboard."""
    icon: Icon = ""
    homepage: Url | None = None
    since: Release = "24.05"
    """First NixOS release whose module has the options below."""
    flake: FlakeModule | Literal[""] = ""
    """Module of a flake of `homelab:flakes` that declares its options:
    `vote.nixosModules.default`. Default: its module is in nixpkgs."""
    ports: dict[Name, PortOfFacts] = Field(default_factory=dict)
    """Ports by name: `{web: 3000}`. Routes lead to `web`."""
    further_ports: dict[Name, FurtherPort] = Field(default_factory=dict)
    """Ports that it opens only if the stack names them in `ports`, each with the options that make
    it listen: `{ssh: {why: Git over SSH, options: {services.forgejo.settings.server…: …}}}`."""
    options: Options = Field(default_factory=dict)
    """NixOS options for every host that runs it."""
    options_since: dict[Release, Options] = Field(default_factory=dict)
    """Further options from a NixOS release on."""
    options_gpu: dict[Gpu, Options] = Field(default_factory=dict)
    """Further options by GPU vendor."""
    added: dict[OptionPath, Release] = Field(default_factory=dict)
    """Options that older releases lack, with the first release that has each."""
    removed: dict[OptionPath, Release] = Field(default_factory=dict)
    """Options that newer releases lack, with the first release without each."""
    units: Many[UnitPattern] = ()
    """Its systemd units, without `.service`, the main unit first."""
    optional: dict[OptionName, OptionalPart] = Field(default_factory=dict)
    """Options that switch parts of it off, each with those parts:
    `{services.immich.machine-learning.enable: {units: [immich-machine-learning]}}`."""
    helpers: Many[UnitPattern] = ()
    """Further units that open its state: they wait for its disk, and have no sandbox of homelab."""
    user: UserName | Literal[""] = ""
    """User that its units run as."""
    switches_user: bool = False
    """Its unit starts as root, and its processes switch to the user, with the groups of that user
    and not those of the unit."""
    dynamic_user: bool = False
    """Its units run with DynamicUser, so its state is below /var/lib/private."""
    state: Many[AbsolutePath] = ()
    """Directories with its state. Backup, persistence and the lock follow them."""
    state_at: dict[OptionName, AbsolutePath] = Field(default_factory=dict)
    """Options that move a part of its state, each with the directory that is used without it."""
    static_user_at: Many[OptionName] = ()
    """Options of `state_at` with which its module uses an ordinary user in place of the dynamic
    one, because systemd manages directories below /var/lib only."""
    state_file_at: dict[OptionName, Str] = Field(default_factory=dict)
    """Options that name a database file of its state, each with the file that is used without it;
    empty if there is none. The dump follows the option, and the file's directory is state. A file
    that no dump has is one beside which the whole state lies: its directory moves the state."""
    database_at: dict[OptionName, Str] = Field(default_factory=dict)
    """Options that connect it to another database than the one in `dumps`, each with the value that
    changes nothing. A path includes everything below it."""
    database_elsewhere: dict[Literal["postgresql", "mysql"], DatabaseElsewhere] = Field(
        default_factory=dict
    )
    """How it connects to a database on another host, by the kind of database, for a service with
    `databases: {postgresql: {host: nas}}`. A kind other than `database` takes the place of its own
    one, on any host."""
    former_state: FormerState | None = None
    """Directory in place of the first of `state`, on a host with an older `state_version`."""
    state_version_changes: Many[Since] = ()
    """Differences on hosts that were installed with an older release."""
    upgrades: Many[Upgrade] = ()
    """Upgrades that need steps of a person. `homelab update` prints them."""
    exclude: Many[FilePattern] = ()
    """Parts of its state that no backup needs, because they can be made again."""
    persist: Many[AbsolutePath] = ()
    """Further directories that must survive a restart and that no backup needs, such as a queue, or
    a database with a dump. The directory of PostgreSQL follows from `database`."""
    database: Database = "none"
    dumps: Many[Dump] = ()
    """Consistent copies of its databases, made before each backup: `[{sqlite: /var/lib/x/db}]`.
    With a `command`, the live files belong in `persist`, because a copy of them is not
    consistent."""
    maintenance: Maintenance | None = None
    """Commands that begin and end its maintenance mode, in which it is backed up."""
    jobs: dict[Name, JobFact] = Field(default_factory=dict)
    """Programs that `jobs` of a service can run."""
    stateless: Str = ""
    """Reason why it needs no backup."""
    audience: Audience = "operator"
    """Default of `audience` for its route."""
    sign_in: SignIn = SignIn()
    health: RequestPath = "/"
    """Path that answers with status 200 without a sign-in."""
    monitor: Str = "http"
    """How it is monitored: `http`, `tcp`, or the reason why it is not."""
    upstream: Upstream = Upstream()
    """How the reverse proxy connects to it, unless its route says otherwise."""
    upload: Size | Literal[""] = ""
    """Largest request body that the proxy accepts: `525MB`. Default: no limit."""
    secrets: dict[Name, SecretFact] = Field(default_factory=dict)
    """Secrets that it reads."""
    mail: MailFact | None = None
    """How it sends mail."""
    datasets: dict[Name, Str] = Field(default_factory=dict)
    """Roles of the datasets that it can use, each with its purpose."""
    folders: dict[Name, SubDirectory] = Field(default_factory=dict)
    """Directories in the datasets of some roles that it uses if the dataset has them in `dirs`, as
    `{$folder: media}`. Otherwise it uses the whole dataset."""
    devices: dict[Name, DeviceOfFacts] = Field(default_factory=dict)
    """Roles of the devices that it can use: `{radio: Zigbee radio}`."""
    state_in: dict[Name, SubDirectory] = Field(default_factory=dict)
    """Roles whose dataset replaces the state directory, each with the directory in the dataset. The
    backup of the dataset then contains the state, and that of the service its dumps."""
    links_datasets: Many[Name] = ()
    """Roles between whose datasets it makes hard links, so that a file takes its space once."""
    writes_datasets: Many[Name] = ()
    """Roles whose dataset it writes. The others are mounted read-only."""
    needs: Many[Need] = ()
    unfree: Many[PackageName] = ()
    """Names (`pname`) of its packages with an unfree licence."""
    unfree_gpu: dict[Gpu, Many[PackageName]] = Field(default_factory=dict)
    """As `unfree`, by GPU vendor."""
    hardening: Hardening = Hardening()
    page: bool = True
    """Whether browsers use its web port. A service without pages has no host name; services with
    `uses` call it."""
    never_publish: Str = ""
    """Reason why only its own host may reach it."""
    provides: Data | Literal[""] = ""
    """What other services use at its web port: `metrics` of a Prometheus exporter, `series` of a
    time series database, `logs` of Loki, `alerts`, which an Alertmanager receives, `journal`, which
    VictoriaLogs receives, or `measures`, which the hub of Beszel asks its agents for."""
    consumes: OneOrMoreData = ()
    """What it uses of every service that provides it: on its own host, otherwise over the network.
    One or a list: `[series, logs]`."""
    api_key: ApiKey | None = None
    """How it takes the key of its API. Default: people read the key on its pages."""
    connects: dict[Name, ConnectionFact] = Field(default_factory=dict)
    """What it learns about services that it connects to, by their entry in the catalog."""
    own_objects: Many[ApiObject] = ()
    """Objects in its own API that describe its datasets, for a service with `connects`."""
    rates: Literal["", "transmission"] = ""
    """API with which `schedule` sets its download and upload rates. `transmission`: Transmission's
    RPC at its web port."""
    dashboards: Literal["", "grafana"] = ""
    """How it gets the `dashboards` of the stack. `grafana`: by the provisioning of Grafana."""
    job: Str = ""
    """Job name of its metrics in Prometheus."""
    serves_packages: bool = False
    """Other hosts download packages from it, so its host is deployed after them."""
    requires_one_of: Many[Many[OptionPath]] = ()
    """Options without a default, or without a safe one, of which the owner must set one."""

    @field_validator("database_elsewhere")
    @classmethod
    def _of_postgresql(
        cls, elsewhere: dict[Literal["postgresql", "mysql"], DatabaseElsewhere]
    ) -> dict[Literal["postgresql", "mysql"], DatabaseElsewhere]:
        mysql = elsewhere.get("mysql")
        for key in ("extensions", "further"):
            if mysql is not None and getattr(mysql, key):
                raise ValueError(f"only PostgreSQL has {key}; leave {key} out of mysql")
        return elsewhere

    @field_validator("own_objects")
    @classmethod
    def _of_itself(cls, objects: tuple[ApiObject, ...]) -> tuple[ApiObject, ...]:
        return about_itself(objects)


class OwnFacts(ServiceFacts):
    """Facts of a service that an owner writes."""

    extends: Name | None = None
    """Entry of the catalog whose facts apply to everything that is not written here. Keys of a
    mapping are added to the entry's; a list replaces the entry's list."""
    modules: Many[Name] = ()
    """The nixpkgs modules that it consists of, its own module first, if homelab knows facts of
    them: `[grafana]`. The sandbox then follows the settings of their units, and persistence their
    directories. Default: those of the entry in `extends`, otherwise the module with the name of
    the service."""
