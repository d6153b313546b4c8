"""Parts of the facts of a service: ports, secrets, sign-in, dumps, sandbox."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from homelab.config.base import (
    AbsolutePath,
    Auth,
    Model,
    Name,
    Permissions,
    Port,
    Release,
    ServiceSecretRef,
    Str,
    SubDirectory,
    pattern,
)
from homelab.config.network import OpenTo, Protocol
from homelab.config.oidc import Claim, OidcScope, Redirect, check_claims, check_public
from homelab.config.service_parts import Header, Identity
from homelab.config.types import ExemptPath, Label, OptionPath, Url, UserName, Variable

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A list that cannot be changed."""
UnitPattern = Annotated[
    Str,
    pattern(
        r"[a-zA-Z0-9]([a-zA-Z0-9:_.@-]|\{tunnel\})*",
        "this is not the name of a unit; write it without .service: immich-server",
    ),
]
"""Name of a systemd unit; `{tunnel}` is the name of the homelab's tunnel."""
OptionName = Annotated[OptionPath, AfterValidator(lambda path: path.replace('"', ""))]
"""Path of a NixOS option, kept without the quotes around its parts."""
PackageName = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_][A-Za-z0-9._+-]*",
        "this is not the name of a package; write its pname: cuda_cudart",
    ),
]
Capability = Annotated[
    Str, pattern(r"CAP_[A-Z_]+", "this is not a capability; write it as CAP_NET_RAW")
]


class PortFact(Model):
    """A port that a service listens on."""

    port: Port
    protocol: Protocol = "tcp"
    scope: OpenTo = "loopback"
    """From where it must be reachable even without a route."""
    why: Str = ""
    """Purpose of the port."""
    movable: bool = True
    """Whether an option changes its number."""
    bindable: bool = True
    """Whether an option changes its address."""
    movable_since: Release | Literal[""] = ""
    """First release whose module has that option. Default: every release of the entry."""


def _number(value: object) -> object:
    return {"port": value} if isinstance(value, int) and not isinstance(value, bool) else value


PortOfFacts = Annotated[PortFact, BeforeValidator(_number, json_schema_input_type=Port | PortFact)]
"""A port, or only its number: `{web: 3000}`."""


class FurtherPort(Model):
    """A port that a service opens only if the stack names it in `ports`."""

    why: Str
    """Purpose of the port."""
    options: dict[OptionPath, JsonValue]
    """Options with which it listens there; `{$port: ssh}` is the number of the port `ssh`."""


class OptionalPart(Model):
    """Units and ports that exist unless an option is false."""

    units: Many[UnitPattern] = ()
    """Names of `units`."""
    ports: Many[Name] = ()
    """Names of `ports`."""


class SecretFact(Model):
    """A secret that a service reads."""

    form: Literal["file", "env"] = "file"
    """A file with the secret alone, or an environment file with variables."""
    env: dict[Variable, Str] = Field(default_factory=dict)
    """For `form: env`: variables with their text, in which `{value}` is the secret and `{owner}`
    the owner's user name; in a client secret of OIDC also `{issuer}` and `{client}`, its id."""
    source: Literal["derived", "stored", "issued"] = "derived"
    """Derived from the master key, stored in sops, or issued by a provider during `up`."""
    owner: UserName = "root"
    """User who may read the file."""
    length: Annotated[int, Field(ge=16, le=86)] = 43
    """Number of characters of a derived secret (base64url; 43 hold 256 bits)."""
    stored_key: Str = ""
    """Default key in the sops file, for a stored secret."""
    encrypts: Str = ""
    """What it has encrypted, which another value cannot decrypt. Default: the secret may change."""
    note: Str = ""


class ReferredFact(SecretFact):
    """A secret outside of sops that the stack refers to. No entry of the catalog contains one."""

    ref: ServiceSecretRef
    """1Password reference, or file on the host."""


def referred(fact: SecretFact, ref: ServiceSecretRef | None) -> SecretFact:
    """The secret, stored where a reference says; without one as it is."""
    if ref is None:
        return fact
    if ref.sops is not None:
        return fact.model_copy(update={"source": "stored", "stored_key": ref.sops})
    values = {name: getattr(fact, name) for name in SecretFact.model_fields}
    return ReferredFact(**(values | {"source": "stored", "stored_key": "", "ref": ref}))


class Oidc(Model):
    """OIDC settings of an app."""

    redirects: Many[Redirect]
    """Redirect paths after a sign-in; for a program elsewhere, its whole address:
    `app.example:///callback`."""
    secret: SecretFact = SecretFact()
    """How it reads its client secret."""
    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options with OIDC only. `{issuer}`, `{client}`, `{scopes}` and the endpoints are fields
    of `$text`, such as `{token_endpoint}`."""
    scopes: Many[OidcScope] = ("openid", "profile", "email", "groups")
    """Scopes that it requests; with `offline_access` it also gets refresh tokens."""
    id_token: Many[Claim] = ()
    """Claims that it reads from the ID token and not from the userinfo endpoint."""
    post: bool = False
    """It sends its client secret in the request body, not in a header."""
    public: bool = False
    """It cannot keep a secret and has none: it proves each sign-in with PKCE."""
    ui: Str = ""
    """Where its pages have the OIDC settings, for an app that has them nowhere else."""
    since: Release | Literal[""] = ""
    """First release of NixOS whose package signs people in with these options. Default: every
    release of the entry."""

    @model_validator(mode="after")
    def _fits(self) -> Oidc:
        check_claims(self.id_token, self.scopes)
        check_public(public=self.public, secret="secret" in self.model_fields_set or self.post)
        return self


class SignIn(Model):
    """How people sign in to the app."""

    kinds: Many[Auth] = ("none", "forward", "native")
    """Values of `auth` that work, the best first."""
    exempt: Many[ExemptPath] = ()
    """Paths that its own clients use, which the auth proxy must let through."""
    headers: dict[Header, Identity] = Field(default_factory=dict)
    """Headers from which it takes the identity of the user."""
    apps: Str = ""
    """Its own programs that cannot pass the auth proxy, as people call them: `phone apps`."""
    note: Str = ""
    oidc: Oidc | None = None
    """OIDC settings, if `oidc` is one of the kinds."""
    forward: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options that make it trust the headers of the auth proxy. They apply only to a route with the
    auth proxy, because other visitors could send these headers."""
    recovery: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options with which people sign in to the app itself while `recovery: true`, in place of those
    in `forward`."""
    first_account: Literal["", "visitor", "published"] = ""
    """Who gets the first account of a new installation: `visitor`, whoever opens its pages first;
    `published`, anyone who knows the password in its documentation. Default: only the owner."""
    host_users: bool = False
    """It signs in users of its host, who need a password for it."""
    admin_options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options that make every visitor an administrator, each with the value that does."""

    @model_validator(mode="after")
    def _oidc_is_described(self) -> SignIn:
        if "oidc" in self.kinds and self.oidc is None:
            raise ValueError("oidc is one of the kinds; add oidc: {redirects: […]}")
        return self


class MailFact(Model):
    """How an app sends mail through the relay of `homelab:mail`."""

    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options with a relay only. `{$mail: host}` is a part of it: `host`, `port`, `user`, `sender`,
    or `mailbox` and `domain` of the sender; `{$mail: {tls: force_tls, starttls: starttls, none:
    "off"}}` is the value for its encryption."""
    sign_in: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Further options if the relay has a password, which is `{$secret: mail}`."""
    secret: SecretFact = SecretFact()
    """How it reads the password. With `form: env`, its main unit gets the variables."""


class Maintenance(Model):
    """Commands of a mode in which an app changes no data, for the time of its backup."""

    on: Annotated[Many[Str], Field(min_length=1)]
    """A program of the host with its arguments: `[nextcloud-occ, maintenance:mode, --on]`."""
    off: Annotated[Many[Str], Field(min_length=1)]
    """The program that ends the mode, with its arguments."""


class JobFact(Model):
    """A program of a service that runs now and then, and ends."""

    summary: Label
    """Its purpose in one line, for its unit: `Generate missing previews`."""
    command: Annotated[Many[Str], Field(min_length=1)]
    """A program of the host with its arguments: `[nextcloud-occ, preview:generate-all]`. It runs as
    the user of the service, with the access of its main unit."""
    like: UnitPattern | Literal[""] = ""
    """Unit of the module whose credentials it gets."""
    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options with the job only, such as the app that it needs."""

    @model_validator(mode="after")
    def _starts_with_a_program(self) -> JobFact:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", self.command[0]):
            raise ValueError("the first word is the program; write its name without a directory")
        return self


class FormerState(Model):
    """Former state directory."""

    before: Release
    """It applies to hosts with a `state_version` before this release."""
    directory: AbsolutePath
    files: SubDirectory | None = None
    """Subdirectory of it with the files, if they are not in it directly."""


class Since(Model):
    """A difference of a module on a host that was installed with an older release."""

    before: Release
    """It applies to hosts with a `state_version` before this release."""
    release: Release
    """First release whose module makes the difference."""
    what: Str
    way_out: Str
    unless: OptionPath | Literal[""] = ""
    """Option that, if it is set, shows that the owner knows about the difference."""


class Upgrade(Model):
    """What a person does before or after an upgrade of the service."""

    version: Annotated[
        Str, pattern(r"([0-9]+(\.[0-9]+)*)?", 'write the first version that needs it: "32"')
    ] = ""
    """First version that needs it, in quotes. Default: every new major version."""
    what: Str
    way_out: Str
    """What to do."""
    source: Url
    """Page that describes it."""
    one_major: bool = False
    """It refuses to skip a major version."""


class Hardening(Model):
    """Sandbox exceptions that the units need."""

    writable: Many[AbsolutePath] = ()
    """Directories that it writes besides its state directories."""
    jit: bool = False
    """It makes executable memory (Node, .NET, JVM)."""
    devices: bool = False
    """It needs device nodes even without a GPU."""
    netlink: bool = False
    """It needs AF_NETLINK (Node, Bun, .NET, Go's list of interfaces)."""
    realtime: bool = False
    """It uses realtime scheduling (audio)."""
    umask: Permissions | Literal[""] = ""
    """Umask in place of the baseline's, for files that other services read."""
    data_units: Many[UnitPattern] = ()
    """Units beside the main one that open its state and its datasets, such as a worker."""
    mounts: bool = False
    """It sees every mounted file system, to measure free space."""
    capabilities: Many[Capability] = ()
    """Capabilities that it needs."""
    upstream: bool = False
    """The NixOS module is at least as strict as the baseline, which then adds only the access to
    datasets."""
    confined: bool = False
    """The module gives it a root directory of its own, with only the paths that it is given."""
    exempt: Str = ""
    """Reason why the baseline does not apply at all."""
