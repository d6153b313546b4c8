"""What is known of a service before anyone runs it: facts, without a site.

An entry's options may hold the placeholders below; the services package fills them in. The facts of
one service stand in its entry and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from homelab.config.base import Audience, Auth
from homelab.nix import Nix

Database = Literal["none", "sqlite", "postgresql"]
Need = Literal["always_on", "gpu"]


@dataclass(frozen=True)
class Template:
    """Text in which `{port}`, `{bind}`, `{url}`, `{fqdn}`, `{name}`, `{zone}`, `{domain}`,
    `{timezone}`, `{proxy}` (the address that the reverse proxy calls from), `{issuer}` and
    `{client}` (of the identity provider) and `{dataset}` are filled in.
    """

    template: str
    dataset: str = ""
    """Which of its datasets `{dataset}` is the path of; the option is left out when the service
    uses none."""


@dataclass(frozen=True)
class PortNumber:
    """The number of one of the service's ports, as a Nix integer."""

    name: str = "web"


@dataclass(frozen=True)
class SecretPath:
    """Where one of the service's secrets lies on its host."""

    name: str
    inside: str = "{path}"
    """Text around `{path}`, for an app that has its own word for reading a file."""


@dataclass(frozen=True)
class DatasetPath:
    """Where a dataset that the service uses lies; the option is left out when it uses none."""

    name: str


@dataclass(frozen=True)
class Last:
    """A list that comes after what the module itself says, where the order matters."""

    items: Sequence[OptionValue]


OptionValue: TypeAlias = (
    Nix
    | Template
    | PortNumber
    | SecretPath
    | DatasetPath
    | Last
    | Sequence["OptionValue"]
    | Mapping[str, "OptionValue"]
)


@dataclass(frozen=True)
class PortFact:
    """A port the service listens on."""

    number: int
    protocol: Literal["tcp", "udp"] = "tcp"
    scope: Literal["loopback", "tailnet", "lan", "link"] = "loopback"
    """How far it must be open even without a route."""
    why: str = ""
    movable: bool = True
    """Whether an option can give it another number."""
    bindable: bool = True
    """Whether an option can give it another address."""
    movable_since: str = ""
    """First release whose module has that option; empty for every release of the entry."""


@dataclass(frozen=True)
class SecretFact:
    """A secret the service reads."""

    form: Literal["file", "env"] = "file"
    env: tuple[tuple[str, str], ...] = ()
    """For form env: (variable, template), where `{value}` is the secret and `{owner}` the owner's
    user name."""
    source: Literal["derived", "stored", "issued"] = "derived"
    owner: str = "root"
    length: int = 43
    """Characters of a derived secret (base64url; 43 hold 256 bits)."""
    stored_key: str = ""
    """Default key in the sops file, for source stored."""
    seals: str = ""
    """What it has encrypted, which another value does not open; empty for one that may change."""
    note: str = ""


OIDC = "oidc"
"""Name of the secret that an app shows to the identity provider."""


@dataclass(frozen=True)
class Oidc:
    """How the app is told of an OpenID Connect provider."""

    redirects: tuple[str, ...]
    """Paths below its address that the provider sends people back to."""
    secret: SecretFact
    """How it reads its client secret."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """Further options by full path; `{issuer}` and `{client}` are filled in."""
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    """With `offline_access`, it is given refresh tokens too."""
    id_token: tuple[str, ...] = ()
    """Claims that it reads from the ID token, and does not ask for."""
    post: bool = False
    """It sends its secret in the body and not in a header."""
    ui: str = ""
    """Where in its web pages the settings are typed, for an app that takes them nowhere else."""


@dataclass(frozen=True)
class SignIn:
    """How people sign in to the app."""

    kinds: tuple[Auth, ...]
    """What works with it, the best first."""
    exempt: tuple[str, ...] = ()
    """Paths its own clients need open under a forward-auth gate."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers it trusts for the identity: (its name, user|email|name|groups)."""
    apps: str = ""
    """Its own programs that no gate in front of it lets pass, as people know them: `phone apps`."""
    note: str = ""
    oidc: Oidc | None = None
    """How it asks an identity provider itself; with `oidc` among its kinds."""
    forward: Mapping[str, OptionValue] = field(default_factory=dict)
    """Options that make it believe the gate's headers: only where the gate is asked, for otherwise
    a visitor could write them."""
    host_users: bool = False
    """It signs in users of its host, who need a password for it."""
    powers: Mapping[str, str] = field(default_factory=dict)
    """Options that, with this value, make everybody who comes in an administrator."""


@dataclass(frozen=True)
class Dump:
    """What makes a backup of a running service honest."""

    kind: Literal["sqlite", "postgresql", "builtin"]
    source: str = ""
    """Database file, or database name."""


@dataclass(frozen=True)
class Since:
    """What a module does otherwise for a host that was installed with an older NixOS."""

    before: str
    """It goes by a `state_version` before this release."""
    release: str
    """First release whose module does so."""
    what: str
    """What is otherwise."""
    way_out: str
    unless: str = ""
    """Option that, said outright, shows that the owner knows."""


@dataclass(frozen=True)
class Hardening:
    """What the unit can bear."""

    writable: tuple[str, ...] = ()
    """Directories it writes beside its state directory."""
    jit: bool = False
    """Makes executable memory (Node, .NET, JVM)."""
    devices: bool = False
    """Needs device nodes even without a GPU."""
    netlink: bool = False
    """Needs AF_NETLINK (Node, Bun, .NET, Go's interface list)."""
    umask: str = ""
    """Another one than the baseline's, where others read the files that it writes."""
    mounts: bool = False
    """Sees every mounted file system, to say how full it is."""
    capabilities: tuple[str, ...] = ()
    """Capabilities beyond none."""
    upstream: bool = False
    """The NixOS module is at least as strict as our baseline, which then adds no more than where
    datasets may be seen."""
    confined: bool = False
    """The module gives it a root of its own, which holds nothing but what it is told of."""
    exempt: str = ""
    """Why the baseline does not apply at all."""


@dataclass(frozen=True)
class Entry:
    """One service of the catalog."""

    name: str
    title: str
    summary: str
    """What it is for, in one line; the dashboard shows it."""
    category: str
    icon: str = ""
    homepage: str = ""
    since: str = "24.05"
    """First NixOS release whose module has the options below."""
    modules: tuple[str, ...] = ()
    """The modules of nixpkgs that it is made of, its own first, by their files in `upstream/`; the
    one of its own name when empty."""
    ports: Mapping[str, PortFact] = field(default_factory=dict)
    """By name; `web` is the one that routes use."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """NixOS options by full path, for every host."""
    options_since: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    """Further options from a release on."""
    options_gpu: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    """Further options by GPU vendor."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Options of its module that older releases lack: path to the first release that has it."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """Options that newer releases lack: path to the first release without it."""
    units: tuple[str, ...] = ()
    """Its systemd units, without `.service`, the main one first. `{tunnel}` is the name of the
    homelab's tunnel."""
    helpers: tuple[str, ...] = ()
    """Further units that open its state: they wait for its disk, and the sandbox is not theirs."""
    user: str = ""
    workers: bool = False
    """Its unit starts as root, and its processes become the user, with the user's own groups: those
    of the unit never reach them."""
    dynamic_user: bool = False
    state: tuple[str, ...] = ()
    """Directories that hold its state (already below /var/lib/private for DynamicUser)."""
    state_at: Mapping[str, str] = field(default_factory=dict)
    """Options that say where a part of its state lies, by full path, and where it lies without
    them. Backup, persistence and the lock follow what the stack config says there."""
    state_file_at: Mapping[str, str] = field(default_factory=dict)
    """Options that name a database file of its state, by full path, and that file without them;
    empty where it keeps none without the option. Its dump follows, and its directory is state."""
    state_fixed: str = ""
    """Why no option moves its state, for an entry with state and without `state_at`."""
    database_at: Mapping[str, str] = field(default_factory=dict)
    """Options that connect it to another database than the one that `dumps` names: full path, or a
    path with everything below it, to the value that changes nothing."""
    former_state: tuple[str, str] = ("", "")
    """Where its module keeps the state of a host whose `state_version` is older than this: that
    release, and the directory in place of the first of `state`."""
    old_hosts: tuple[Since, ...] = ()
    scratch: tuple[str, ...] = ()
    """Directories that systemd makes for it and that may go: nothing of it is kept there."""
    own_state: str = ""
    """What makes its state directories, where its module does not."""
    exclude: tuple[str, ...] = ()
    """Parts of its state that can be made again."""
    keeps: tuple[str, ...] = ()
    """Directories beside its state that no backup needs and no restart may empty: of a queue, of
    a database that a dump stands for. PostgreSQL's own follows from `database`."""
    database: Database = "none"
    dumps: tuple[Dump, ...] = ()
    stateless: str = ""
    """Why it needs no backup."""
    audience: Audience = "operator"
    sign_in: SignIn = field(default_factory=lambda: SignIn(kinds=("none",)))
    health: str = "/"
    """Path that answers 200 without a sign-in."""
    monitor: str = "http"
    """How it is watched: http, tcp, or the reason why it is not."""
    websocket: bool = False
    upload: str = ""
    """Largest body that the proxy lets through, as `525MB`; empty for no limit."""
    secrets: Mapping[str, SecretFact] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    """Datasets it can use: name of the part to what it is for."""
    state_in: Mapping[str, str] = field(default_factory=dict)
    """Parts that take the place of its state directory: part to the directory below the dataset.
    The dataset's own backup keeps it then; the service's keeps its dumps."""
    writes_datasets: tuple[str, ...] = ()
    """Parts that it writes; the others are mounted read-only."""
    needs: tuple[Need, ...] = ()
    unfree: tuple[str, ...] = ()
    """Package names (pname) with an unfree licence."""
    unfree_gpu: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hardening: Hardening = field(default_factory=Hardening)
    page: bool = True
    """Whether its web port is for browsers; a service that speaks something else has no name, and
    is asked by those that say `uses`."""
    never_publish: str = ""
    """Why it is for its own host alone: no name, no open port."""
    gives: str = ""
    """What others read at its web port by themselves: `measurements`, or `series` of them."""
    reads: str = ""
    """What it reads of every service that gives it: beside it, or else over the tailnet."""
    job: str = ""
    """What its measurements are called in Prometheus."""
    serves_packages: bool = False
    """Other hosts fetch from it what they do not build: its host switches after them."""
    asks_one_of: tuple[tuple[str, ...], ...] = ()
    """Options that the owner alone can say, of which one is needed: by full path."""
    infrastructure: bool = False
    """Part of the homelab's own machinery: other packages place and configure it."""

    def moves_port(self, release: str) -> bool:
        """Whether an option gives its web port another number, in a release."""
        web = self.ports.get("web")
        return web is not None and web.movable and release >= web.movable_since
