"""What the stack config says inside a service: ports, mounts, secrets, a container, a flake."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Port, SecretRef, Str
from homelab.config.network import OpenTo, Protocol
from homelab.config.types import RequestPath, Variable

Verb = Literal["reload", "restart", "start", "stop"]
Unit = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9@_-]*$")]
FlakeAttribute = Annotated[
    Str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z_][A-Za-z0-9_'-]*)*$")
]
FlakeUnit = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9:_.@-]*$")]
Header = Annotated[Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
Identity = Literal["user", "email", "name", "groups"]
OidcScope = Literal["openid", "profile", "email", "groups", "offline_access", "address", "phone"]
"""What an app may ask the identity provider for."""
Claim = Literal[
    "address",
    "email",
    "email_verified",
    "groups",
    "name",
    "phone_number",
    "preferred_username",
]
"""What the identity provider knows of a person."""
_SCOPE_OF: dict[Claim, OidcScope] = {
    "address": "address",
    "email": "email",
    "email_verified": "email",
    "groups": "groups",
    "name": "profile",
    "phone_number": "phone",
    "preferred_username": "profile",
}
Gpu = Literal["nvidia", "intel", "amd"]
MountPath = Annotated[
    AbsolutePath,
    Field(pattern=r"^[^:,'\"\\\x00-\x1f\x7f]+$"),
]
"""Absolute path without colons, commas, quotes and backslashes: Podman would take it apart."""


def _network_name(value: str) -> str:
    if value in _TAKEN:
        raise ValueError(f"{value} means something else to Podman; choose another name")
    return value


_TAKEN = (
    *("bridge", "container", "default", "host", "none", "ns", "pasta", "podman", "private"),
    "slirp4netns",
)
NetworkName = Annotated[
    Str, Field(pattern=r"^[a-z][a-z0-9-]{0,10}$"), AfterValidator(_network_name)
]


class PortConfig(Model):
    """A port that a service listens on, beside its web port."""

    port: Port
    protocol: Protocol = "tcp"
    scope: OpenTo = "loopback"
    """How far it is open by itself; a route opens what it needs."""
    why: Str = ""
    """Why it is open further than loopback."""


class ContainerPort(PortConfig):
    """A port of a container, published at the addresses of its scope and nowhere else."""

    inside: Port | None = None
    """Number inside the container; the same as outside when empty."""


class Mount(Model):
    """A directory of the host inside a container."""

    source: MountPath
    target: MountPath
    read_only: bool = False


class DatasetMount(Model):
    """Where a container finds a dataset."""

    target: MountPath
    """Directory inside the container."""
    read_only: bool = False


def _targeted(value: object) -> object:
    return {"target": value} if isinstance(value, str) else value


DatasetUse = Annotated[
    DatasetMount, BeforeValidator(_targeted, json_schema_input_type=MountPath | DatasetMount)
]
"""The directory inside alone will do: `{library: /books}`."""


class Container(Model):
    """A service that runs as a Podman container."""

    image: Annotated[Str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$")]
    """Image with its digest: `ghcr.io/a/b:1.2@sha256:…`. A tag alone may change under you."""
    port: Port
    """Web port inside the container."""
    environment: dict[Variable, Str] = Field(default_factory=dict)
    mounts: list[Mount] = Field(default_factory=list)
    command: list[Str] = Field(default_factory=list)
    network: NetworkName | None = None
    """Podman network, shared with every container of the host that names it: they find each other
    by service name."""
    depends_on: list[Name] = Field(default_factory=list)
    """Containers on the same network that start before it."""


class Flake(Model):
    """The NixOS module of a service, from a flake of `homelab:flakes`."""

    input: Name
    module: FlakeAttribute = "default"
    """Attribute under the flake's `nixosModules`: `default`."""
    unit: FlakeUnit
    """The systemd unit it makes, without `.service`."""
    dynamic_user: bool = False
    """The unit runs with DynamicUser: its state lies below /var/lib/private."""


class ServiceSecret(Model):
    """A secret that a service reads."""

    ref: SecretRef | None = None
    """Where it is stored; derived from the master key when empty."""
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Variable of the service's environment that holds it; a plain file when empty."""
    owner: Name | None = None
    """User of the host that reads the file; who the service runs as when empty, as far as that is
    known, else root."""
    mode: Annotated[Str, Field(pattern=r"^0[0-7][0-7]0$")] = "0400"
    """Permission bits, in quotes, with none for others: `"0440"`."""


class ContainerSecret(ServiceSecret):
    """A secret that a container reads: a variable, or a file that it cannot write."""

    target: MountPath | None = None
    """The file inside the container; `/run/secrets/` and the secret's name when empty."""


class CustomOidc(Model):
    """How a custom service asks the identity provider itself."""

    redirects: Annotated[list[RequestPath], Field(min_length=1)]
    """Paths that the provider sends people back to: `/oauth2/callback`."""
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Variable of its environment that holds the client secret; a plain file when empty, which
    options name as `{$secret: oidc}`."""
    scopes: list[OidcScope] = Field(
        default_factory=lambda: list[OidcScope](("openid", "profile", "email", "groups"))
    )
    """What it may ask for; with offline_access it is given refresh tokens, too."""
    id_token: list[Claim] = Field(default_factory=list)
    """Claims that it reads from the ID token, for an app that does not ask for them: Authelia puts
    none there by itself from 4.39 on."""
    post: bool = False
    """It sends its secret in the body and not in a header."""

    @model_validator(mode="after")
    def _told(self) -> CustomOidc:
        for claim in self.id_token:
            scope = _SCOPE_OF[claim]
            if scope not in self.scopes:
                raise ValueError(f"{claim} is told to who asks for {scope}; add it to scopes")
        return self


class Control(Model):
    """Units of its host that a service may start and stop: for agents, which get nothing else."""

    units: Annotated[list[Unit], Field(min_length=1)]
    """Units of services on its host, without `.service`."""
    verbs: Annotated[list[Verb], Field(min_length=1)]
    """What it may do with them. How they are, everybody on the host may ask."""
    user: Name | None = None
    """The user that it runs as, where the catalog does not know."""
