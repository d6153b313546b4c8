"""Parts of a service in the stack config: ports, mounts, secrets, containers, flakes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from homelab.config.base import Model, Name, Port, ServiceSecretRef, Str, Time, pattern
from homelab.config.disks import DiskSize, in_bytes
from homelab.config.network import OpenTo, Protocol
from homelab.config.types import Calendar, Certificate, FileHash

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


class ServiceIds(Model):
    """Fixed numbers of the user and the group of a service."""

    uid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Uid of its user, if it already has another one on the host: `id -u jellyfin` prints it.
    400 to 999, or the number that nixpkgs gives the user. Default: assigned by homelab and recorded
    in the lock."""
    gid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Gid of its group, if it already has another one on the host: 400 to 29999, or that of
    nixpkgs."""


class PortConfig(Model):
    """A port that a service listens on besides its web port.

    With the name, the number and the protocol of one in the catalog it changes from where that is
    reached.
    """

    port: Port
    protocol: Protocol = "tcp"
    scope: OpenTo = "loopback"
    """From where the port can be reached. A route opens the port that it needs by itself."""
    why: Str = ""
    """Reason why it is open beyond loopback."""


class Flake(Model):
    """The NixOS module of a service, from a flake of `homelab:flakes`."""

    input: Name
    module: FlakeAttribute = "default"
    """Attribute under the flake's `nixosModules`: `default`."""
    unit: FlakeUnit
    """The systemd unit that the module defines, without `.service`."""
    dynamic_user: bool = False
    """The unit runs with DynamicUser, so its state is below /var/lib/private."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("this is a true/false value where a number is expected; write 1.5")
    return value


LEAST_MEMORY = 16 * 2**20
"""Bytes that a limit has at least."""
LEAST_CPUS, MOST_CPUS = 0.01, 1024
Cpus = Annotated[float, BeforeValidator(_number), Field(gt=0, le=MOST_CPUS, strict=False)]


class Limits(Model):
    """The most that a service may take of its host. The rest stays for the others."""

    memory: DiskSize | None = None
    """At this size the kernel ends one of its programs: `2 GiB`. It holds for each unit and each
    container by itself."""
    cpus: Cpus | None = None
    """Processors that each unit and each container keeps busy at most: `1.5`."""

    @model_validator(mode="after")
    def _enough(self) -> Limits:
        if self.memory is None and self.cpus is None:
            raise ValueError("a limit is missing; add memory: 2 GiB, or cpus: 1.5")
        if self.memory is not None and in_bytes(self.memory) < LEAST_MEMORY:
            raise ValueError("no program runs in so little memory; write at least 16 MiB")
        if self.cpus is not None and self.cpus < LEAST_CPUS:
            raise ValueError("this is less than a hundredth of a processor; write cpus: 0.5")
        return self

    @property
    def mebibytes(self) -> int | None:
        """The memory in MiB."""
        return in_bytes(self.memory) // 2**20 if self.memory is not None else None


class Job(Model):
    """A job of a service: a program that ends."""

    schedule: Calendar | None = None
    """Times at which it runs, as in systemd.time(7): `"03:30"`. A time that passes while the host
    is off is made up for. Default: it runs when somebody starts its unit, `SERVICE-JOB`."""


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
    certificate: Certificate | None = None
    """The certificate that the app must present, in PEM, or that of the authority that signed it:
    `openssl s_client -connect 192.168.1.5:443 -showcerts` shows it. The proxy refuses any other."""
    server_name: (
        Annotated[
            Str,
            pattern(
                r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
                "this is not a name; write the name in the certificate: nas.lan",
            ),
        ]
        | None
    ) = None
    """Name in the certificate, for one that does not contain `address`."""

    @model_validator(mode="after")
    def _verifies_https(self) -> External:
        fields = [f for f in ("verify", "certificate", "server_name") if f in self.model_fields_set]
        if self.scheme == "http" and fields:
            raise ValueError(f"with scheme http there is no certificate; leave {fields[0]} out")
        if not self.verify and fields[1:]:
            raise ValueError(f"with verify: false nothing reads {fields[1]}; leave one of them out")
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


class Dashboard(Model):
    """A dashboard of grafana.com."""

    id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Its number: `1860` of https://grafana.com/grafana/dashboards/1860."""
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Its revision, which never changes."""
    hash: FileHash
    """Hash of the file: `nix store prefetch-file` prints it for
    https://grafana.com/api/dashboards/1860/revisions/37/download."""


class RateWindow(Model):
    """Rates of a part of the day, in the host's time zone."""

    start: Time
    end: Time
    """First minute that is no longer part of it. An end before the start is on the next day; the
    same time is a day later."""
    down: Annotated[int, Field(ge=0)] | None = None
    """Highest download rate in kB/s; 0 stops downloads. Default: no limit."""
    up: Annotated[int, Field(ge=0)] | None = None
    """Highest upload rate in kB/s; 0 stops uploads. Default: no limit."""


class Control(Model):
    """Units of its host that a service may control, for agents, which get no other permission."""

    units: Annotated[list[Unit], Field(min_length=1)]
    """Units of services on its host, without `.service`."""
    verbs: Annotated[list[Verb], Field(min_length=1)]
    """What it may do with them. Their status is readable for every user of the host."""
    user: Name | None = None
    """User of the service, if the catalog does not know it."""
