"""The request to an evaluated host and the answer of Nix: the shape of `report.nix`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from homelab.config.base import Model, Str

# JSON has lists only, which a strict model does not take as a tuple.
Pair = Annotated[tuple[str, str], Field(strict=False)]
PortRange = Annotated[tuple[int, int], Field(strict=False)]


@dataclass(frozen=True)
class Asked:
    """Options, units and settings to report, besides what `report.nix` reports of every host."""

    options: tuple[tuple[str, ...], ...]
    """Paths that the tree sets, as parts. A path may go on below the option."""
    units: tuple[str, ...]
    """Units to report, without `.service`."""
    settings: tuple[str, ...]
    """Settings of these units to report."""
    secured: tuple[tuple[str, ...], ...] = ()
    """Options whose values the security baseline reads; `*` is any name."""
    packages: tuple[tuple[str, ...], ...] = ()
    """Options whose packages to report. Without any, no versions are reported."""

    def as_data(self) -> dict[str, list[list[str]] | list[str]]:
        """The same for JSON."""
        return {
            "options": [list(path) for path in self.options],
            "units": list(self.units),
            "settings": list(self.settings),
            "secured": [list(path) for path in self.secured],
        }


class Said(Model):
    """A failed assertion or a warning, and its module."""

    file: str
    text: str


class Declared(Model):
    """An option that the tree sets, and the files that declare it."""

    name: list[str]
    files: list[str]


class Person(Model):
    """An account."""

    normal: bool
    """The account of a person, not of a service."""
    groups: list[str]
    keys: list[str]


class Numbered(Model):
    """An account or a group, and the files that give it its number."""

    name: str
    files: list[str]


class SharedNumber(Model):
    """A uid that several accounts have, or a gid that several groups have."""

    kind: Literal["uid", "gid"]
    number: int
    owners: list[Numbered]


class FileSystem(Model):
    """A mount of `fileSystems`."""

    device: str | None
    type: str
    early: bool
    options: list[str]


class Ports(Model):
    """Ports that one part of the firewall opens."""

    tcp: list[int] = Field(default_factory=list)
    udp: list[int] = Field(default_factory=list)
    tcp_ranges: list[PortRange] = Field(default_factory=list)
    udp_ranges: list[PortRange] = Field(default_factory=list)


class Opened(Model):
    """One definition of ports that are open on every interface, and its file."""

    file: str
    tcp: list[int] = Field(default_factory=list)
    udp: list[int] = Field(default_factory=list)


class Firewall(Model):
    """The firewall's merged options."""

    enable: bool
    trusted: list[str]
    everywhere: Ports
    """Open on every interface."""
    interfaces: dict[str, Ports]
    rules: str
    """Lines of `extraInputRules`."""


class OptionValue(Model):
    """The merged value of an option, and the files that define it."""

    path: list[str]
    value: JsonValue
    files: list[str]
    """Empty for an option below a name, such as an account: its files are those of all names."""


class Secured(Model):
    """Values of the options that the security baseline reads."""

    values: list[OptionValue] = Field(default_factory=list)
    missing: list[list[str]] = Field(default_factory=list)
    """Options that this nixpkgs does not have."""


class OptionPackage(Model):
    """An option whose value is a package: its path, name and version."""

    name: list[str]
    package: Pair | None
    """None if the option does not exist, or has no package as its value."""


class Versions(Model):
    """The packages of a host, each as name and version: the shape of `versions.nix`."""

    packages: list[Pair]
    """Those on the path of every account."""
    parts: dict[str, Pair]
    """Kernel, systemd and Nix."""
    options: list[OptionPackage]


class Report(Model):
    """One host as its options are after everything has been merged."""

    release: Str
    toplevel: str
    """Path of the system's derivation; empty where an assertion failed."""
    assertions: list[Said]
    """Those that failed."""
    warnings: list[Said]
    absent: list[list[str]]
    """Options of the tree that this nixpkgs does not have; with checks on, Nix refuses them."""
    declared: list[Declared]
    units: dict[str, dict[str, list[str]] | None]
    """Settings by unit, as systemd reads them; None if no module defines or enables the unit."""
    users: Mapping[str, Person]
    numbers: list[SharedNumber] = Field(default_factory=list)
    file_systems: Mapping[str, FileSystem]
    firewall: Firewall
    opened: list[Opened]
    secured: Secured = Secured()
    versions: Versions | None = None
    """None if they were not asked for."""


@dataclass(frozen=True)
class Answer:
    """The result of one evaluation."""

    host: str
    report: Report | None
    """None if Nix stopped, and for a home, which is only evaluated."""
    complaint: str = ""
    """Standard error of Nix, if it stopped."""
    warnings: tuple[str, ...] = ()
    """Warnings during the evaluation, by `lib.warn` of nixpkgs or by Nix itself."""
    toplevel: str = ""
    """Path of the derivation that a build would build."""
