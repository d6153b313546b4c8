"""Containers in the stack config: one for a service, or several that belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from homelab.config.backup import CustomBackup, DumpConfig
from homelab.config.base import AbsolutePath, Model, Name, Port, ServiceSecretRef, Str, pattern
from homelab.config.devices import DeviceTarget
from homelab.config.service_parts import Gpu, Limits, PortConfig, ServiceSecret, TextValue
from homelab.config.types import Variable

MountPath = Annotated[
    AbsolutePath,
    Field(pattern=r"^[^:,'\"\\\x00-\x1f\x7f]+$"),
]
"""Absolute path without colons, commas, quotes and backslashes, which separate Podman's options."""
Duration = Annotated[
    Str,
    pattern(r"[1-9][0-9]{0,4}[smh]", "this is not a duration; write 30s, 5m or 1h"),
]
FileMode = Annotated[Str, Field(pattern=r"^0[0-7][0-7]0$")]
"""Permission bits of a secret file, in quotes, with none for others: `"0440"`."""
_OWNER = re.compile(r"[a-z_][a-z0-9_-]{0,31}|0|[1-9][0-9]{0,8}")


def _owner(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _OWNER.fullmatch(text):
        raise ValueError("this is not a user or group; write its number, or its name on the host")
    return text


FileOwner = Annotated[str, BeforeValidator(_owner, json_schema_input_type=int | str)]
"""A user or group: the number that the image uses, or a name of the host."""


def _network_name(value: str) -> str:
    if value in RESERVED_NETWORKS:
        raise ValueError(f"{value} is reserved by Podman; choose another name")
    return value


RESERVED_NETWORKS = (
    *("bridge", "container", "default", "host", "none", "ns", "pasta", "podman", "private"),
    "slirp4netns",
)
NetworkName = Annotated[
    Str, Field(pattern=r"^[a-z][a-z0-9-]{0,10}$"), AfterValidator(_network_name)
]


class ContainerPort(PortConfig):
    """A port of a container, published only at the addresses of its scope."""

    inside: Port | None = None
    """Port number inside the container. Default: the same as on the host."""


class PartPort(ContainerPort):
    """A port of one of several containers, published only at the addresses of its scope."""

    part: Name | None = None
    """Container that listens on it. Default: the one with the web port, or the only one."""


class Mount(Model):
    """A directory of the host that is mounted in a container."""

    source: MountPath
    target: MountPath
    read_only: bool = False
    owner: FileOwner | None = None
    """User that the directory belongs to: the number that the image uses, or a user of the host.
    Only below /var, where homelab creates it. Default: root, or its owner if it exists."""
    group: FileOwner | None = None
    """Group that the directory belongs to. Default: root, or its group if it exists."""


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


class Health(Model):
    """A command that Podman runs in a container to see whether it works."""

    command: Annotated[list[Str], Field(min_length=1)]
    """Program and arguments: `[pg_isready, -U, wiki]`. It succeeds while the container works."""
    interval: Duration = "30s"
    timeout: Duration = "30s"
    """Time after which a run counts as failed."""
    retries: Annotated[int, Field(ge=1, le=100)] = 3
    """Failed runs in a row after which the container is unhealthy."""
    start_period: Duration = "1m"
    """Time after the start in which failed runs do not count."""
    restart: bool = False
    """Kill the container when it is unhealthy; its unit starts it again."""

    @model_validator(mode="after")
    def _is_a_program(self) -> Health:
        first = self.command[0]
        if first.upper() in ("CMD", "CMD-SHELL", "NONE"):
            way_out = {"CMD": "leave it out", "NONE": "leave health out"}
            raise ValueError(
                f"{first} is a word of Docker, not a program; "
                + way_out.get(first.upper(), "write [sh, -c, …]")
            )
        if len(self.command) == 1 and len(first.split()) != 1:
            raise ValueError(
                "this is one word with blanks, not a program with arguments; write "
                f"[{', '.join(first.split())}]"
                if first.split()
                else "this is no program; write its name"
            )
        return self


def content_fits(format_: str, content: JsonValue) -> None:
    """Raises ValueError if a template's content is not what its format takes."""
    if format_ == "text":
        if not isinstance(content, str):
            raise ValueError("the content of format text is a text; write content: |")
    elif not isinstance(content, Mapping):
        raise ValueError(f"the content of format {format_} is an object; write its keys")


class TemplateBase(Model):
    """A file with secrets that a host writes. The check `secret-literal` reads every one."""

    format: Literal["env", "json", "text", "toml", "yaml"]
    """Its language."""
    content: JsonValue
    """An object with `{$value: NAME}` where the value of a secret belongs, or `{$text: "a
    {value[NAME]} b"}` for a text around it. With `text`, the text itself."""


class Template(TemplateBase):
    """A file with secrets, which the host writes when the container starts."""

    format: Literal["env", "json", "text", "toml", "yaml"]
    """Its language. Secrets are quoted by the rules of the language; `text` and `env` refuse a
    secret with a line break."""
    target: MountPath | None = None
    """File inside the container. Without it, an `env` file sets variables of the container."""
    owner: FileOwner = "0"
    """User who may read it: the number that the image uses, or a user of the host."""
    mode: FileMode = "0400"

    @model_validator(mode="after")
    def _fits(self) -> Template:
        if self.target is None and self.format != "env":
            raise ValueError("a file needs a place in the container; add target: /…")
        if self.target is None and self.model_fields_set & {"owner", "mode"}:
            raise ValueError("Podman reads the variables as root; leave owner and mode out")
        content_fits(self.format, self.content)
        return self


class ContainerBase(Model):
    """Settings of any container."""

    image: Annotated[Str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$")]
    """Image with its digest: `ghcr.io/a/b:1.2@sha256:…`, which `skopeo inspect
    docker://ghcr.io/a/b:1.2` shows. A tag alone can change."""
    environment: dict[Variable, TextValue] = Field(default_factory=dict)
    """Variables: a template with the fields of `$text`, `HOOK: "{url}/hook"`, or a reference,
    `OLLAMA_URL: {$service: ollama}`. Write `{{` and `}}` for literal braces."""
    mounts: list[Mount] = Field(default_factory=list)
    command: list[TextValue] = Field(default_factory=list)
    """Arguments for the image's program, one item each, as in `environment`."""
    health: Health | None = None
    """Health check. Containers of the service that depend on it start once it is healthy
    (NixOS 25.05)."""
    templates: dict[Name, Template] = Field(default_factory=dict)
    """Files with secrets, written on the host when the container starts and removed when it
    stops."""


class Container(ContainerBase):
    """A service that runs as a Podman container."""

    port: Port | None = None
    """Web port inside the container. Without it the service has no name: a bot, a game server."""
    network: NetworkName | None = None
    """Podman network. Containers of one host with the same network reach each other by service
    name."""
    depends_on: list[Name] = Field(default_factory=list)
    """Containers of the same network that start before this one."""


class PartSecret(Model):
    """How one container reads a secret of its service: a variable, or a read-only file."""

    env: Variable | None = None
    """Environment variable that holds the secret. Default: the secret is a plain file."""
    target: MountPath | None = None
    """File inside the container. Default: `/run/secrets/` and the secret's name."""
    owner: FileOwner | None = None
    """User who may read the file: the number that the image uses, or a user of the host. Default:
    root."""
    mode: FileMode | None = None
    """Permission bits of the file. Default: `"0400"`."""

    @model_validator(mode="after")
    def _one(self) -> PartSecret:
        if self.env is not None and (given := self.model_fields_set - {"env"}):
            raise ValueError(f"{self.env} is a variable, not a file; leave {min(given)} out")
        return self


def _read(value: object) -> object:
    if isinstance(value, str):
        return {"env": value}
    return {} if value is None else value


PartUse = Annotated[
    PartSecret, BeforeValidator(_read, json_schema_input_type=Variable | PartSecret | None)
]
"""How a container reads a secret, or only its variable: `{password: POSTGRES_PASSWORD}`."""


class ContainerPart(ContainerBase):
    """One of several containers of a service."""

    port: Port | None = None
    """Web port inside the container, for the one that has it."""
    depends_on: list[Name] = Field(default_factory=list)
    """Containers of the service that start before this one."""
    datasets: dict[Name, DatasetUse] = Field(default_factory=dict)
    """Datasets that it uses, by name, with their directory in the container: `{library: /books}`.
    """
    devices: dict[Name, DeviceTarget] = Field(default_factory=dict)
    """Devices of its host that it uses, by name, with their path in the container:
    `{zigbee: /dev/ttyACM0}`."""
    secrets: dict[Name, PartUse] = Field(default_factory=dict)
    """Secrets of the service that it reads: `{password: POSTGRES_PASSWORD}` as a variable,
    `{password: {target: /key}}` as a file."""
    gpu: Gpu | None = None
    """Give it access to the host's GPU."""
    limits: Limits | None = None
    """Most memory and processor time that it may take: `{memory: 2 GiB, cpus: 1.5}`."""


class SharedSecret(Model):
    """A secret of a service with several containers. Each names it below its own `secrets`."""

    ref: ServiceSecretRef | None = None
    """Reference to the stored secret. Default: derived from the master key."""


class ContainerSecret(ServiceSecret):
    """A secret that a container reads: an environment variable, or a read-only file."""

    target: MountPath | None = None
    """File inside the container. Default: `/run/secrets/` and the secret's name."""


class PartDump(DumpConfig):
    """A consistent dump of one database, in the container that runs it or on the host."""

    part: Name | None = None
    """Container in which the dump runs. Default: the one with a database of this kind, and the one
    with the web port for a command. A PostgreSQL or MySQL that no container runs is the host's."""

    @model_validator(mode="after")
    def _has_a_part(self) -> PartDump:
        if self.part is not None and self.sqlite is not None:
            raise ValueError("the host dumps a SQLite file; leave part out")
        return self


def _listed(value: object) -> object:
    return [value] if isinstance(value, Mapping | DumpConfig) else value


class PartsBackup(CustomBackup):
    """Backup of a service with several containers, with its databases."""

    dump: Annotated[
        list[PartDump],
        BeforeValidator(_listed, json_schema_input_type=PartDump | list[PartDump]),
    ] = Field(default_factory=list)
    """Databases to dump before they are backed up: `{postgresql: wiki, part: db}`, or a list of
    them."""
