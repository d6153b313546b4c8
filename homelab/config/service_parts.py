"""Parts of a service in the stack config: ports, mounts, secrets, containers, flakes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Port, ServiceSecretRef, Str, pattern
from homelab.config.network import OpenTo, Protocol
from homelab.config.types import Variable

Verb = Literal["reload", "restart", "start", "stop"]
Unit = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9@_-]*$")]
FlakeAttribute = Annotated[
    Str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z_][A-Za-z0-9_'-]*)*$")
]
FlakeUnit = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9:_.@-]*$")]
Header = Annotated[Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
Identity = Literal["user", "email", "name", "groups"]


def _text_or_reference(value: object) -> object:
    if isinstance(value, dict):
        if len(value) == 1 and str(next(iter(value))).startswith("$"):
            return value
        raise ValueError(
            "this is neither text nor a reference; quote it, or write {$service: ollama}"
        )
    if isinstance(value, str):
        return value
    raise ValueError("this is not text; quote it, or write a reference: {$service: ollama}")


TextValue = Annotated[
    str | dict[str, JsonValue],
    BeforeValidator(_text_or_reference),
]
"""Text, or a reference that becomes text: `{$service: ollama}`, `{$text: "{url}/callback"}`."""
Gpu = Literal["nvidia", "intel", "amd"]
MountPath = Annotated[
    AbsolutePath,
    Field(pattern=r"^[^:,'\"\\\x00-\x1f\x7f]+$"),
]
"""Absolute path without colons, commas, quotes and backslashes, which separate Podman's options."""


def _network_name(value: str) -> str:
    if value in _TAKEN:
        raise ValueError(f"{value} is reserved by Podman; choose another name")
    return value


_TAKEN = (
    *("bridge", "container", "default", "host", "none", "ns", "pasta", "podman", "private"),
    "slirp4netns",
)
NetworkName = Annotated[
    Str, Field(pattern=r"^[a-z][a-z0-9-]{0,10}$"), AfterValidator(_network_name)
]


class PortConfig(Model):
    """A port that a service listens on besides its web port."""

    port: Port
    protocol: Protocol = "tcp"
    scope: OpenTo = "loopback"
    """From where the port can be reached. A route opens the port that it needs by itself."""
    why: Str = ""
    """Reason why it is open beyond loopback."""


class ContainerPort(PortConfig):
    """A port of a container, published only at the addresses of its scope."""

    inside: Port | None = None
    """Port number inside the container. Default: the same as on the host."""


class Mount(Model):
    """A directory of the host that is mounted in a container."""

    source: MountPath
    target: MountPath
    read_only: bool = False


class DatasetMount(Model):
    """Mount point of a dataset in a container."""

    target: MountPath
    """Directory inside the container."""
    read_only: bool = False


def _targeted(value: object) -> object:
    return {"target": value} if isinstance(value, str) else value


DatasetUse = Annotated[
    DatasetMount, BeforeValidator(_targeted, json_schema_input_type=MountPath | DatasetMount)
]
"""A mount, or only its directory inside the container: `{library: /books}`."""


class Container(Model):
    """A service that runs as a Podman container."""

    image: Annotated[Str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$")]
    """Image with its digest: `ghcr.io/a/b:1.2@sha256:…`. A tag alone can change."""
    port: Port
    """Web port inside the container."""
    environment: dict[Variable, TextValue] = Field(default_factory=dict)
    """Variables: text, or a reference: `OLLAMA_URL: {$service: ollama}`."""
    mounts: list[Mount] = Field(default_factory=list)
    command: list[TextValue] = Field(default_factory=list)
    network: NetworkName | None = None
    """Podman network. Containers of one host with the same network reach each other by service
    name."""
    depends_on: list[Name] = Field(default_factory=list)
    """Containers of the same network that start before this one."""


class Flake(Model):
    """The NixOS module of a service, from a flake of `homelab:flakes`."""

    input: Name
    module: FlakeAttribute = "default"
    """Attribute under the flake's `nixosModules`: `default`."""
    unit: FlakeUnit
    """The systemd unit that the module defines, without `.service`."""
    dynamic_user: bool = False
    """The unit runs with DynamicUser, so its state is below /var/lib/private."""


class External(Model):
    """An app that no host of the stack runs: on a router, a NAS, a printer, or elsewhere."""

    address: Annotated[
        Str,
        pattern(
            r"(?=.*[a-z0-9])[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
            "this is not an address; write 192.168.1.5, or nas.lan",
        ),
    ]
    """IP address or DNS name that the entry host connects to."""
    port: Port
    scheme: Literal["http", "https"] = "http"
    host_header: Annotated[Str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]+$")] | None = None
    """Host header that the app requires. Default: the name of the route."""
    verify: bool = True
    """Verify the app's certificate, with scheme https. Devices at home often have one that no
    authority signed."""

    @model_validator(mode="after")
    def _verifies_https(self) -> External:
        if self.scheme == "http" and "verify" in self.model_fields_set:
            raise ValueError("with scheme http there is no certificate; leave verify out")
        return self


class ServiceSecret(Model):
    """A secret that a service reads."""

    ref: ServiceSecretRef | None = None
    """Where it is stored: in the host's sops file, in 1Password (`{op: …}`, fetched whenever the
    service starts), or in a file on the host (`{path: …}`). Default: derived from the master key.
    """
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Environment variable that holds the secret. Default: the secret is a plain file."""
    owner: Name | None = None
    """User on the host who may read the file. Default: the user of the service if it is known,
    otherwise root."""
    mode: Annotated[Str, Field(pattern=r"^0[0-7][0-7]0$")] = "0400"
    """Permission bits, in quotes, with none for others: `"0440"`."""

    @model_validator(mode="after")
    def _reads_it_as_it_is(self) -> ServiceSecret:
        given = self.ref is not None and self.ref.path is not None
        if given and self.model_fields_set & {"owner", "mode"}:
            raise ValueError(
                "the module that provides the file sets who may read it; leave owner and mode out"
            )
        return self


class ContainerSecret(ServiceSecret):
    """A secret that a container reads: an environment variable, or a read-only file."""

    target: MountPath | None = None
    """File inside the container. Default: `/run/secrets/` and the secret's name."""


class Control(Model):
    """Units of its host that a service may control, for agents, which get no other permission."""

    units: Annotated[list[Unit], Field(min_length=1)]
    """Units of services on its host, without `.service`."""
    verbs: Annotated[list[Verb], Field(min_length=1)]
    """What it may do with them. Their status is readable for every user of the host."""
    user: Name | None = None
    """User of the service, if the catalog does not know it."""
