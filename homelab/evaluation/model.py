"""What is asked of an evaluated host, and what Nix answers: the shape of `report.nix`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from homelab.config.base import Model, Str


@dataclass(frozen=True)
class Asked:
    """What `report.nix` is to look at, beside what it tells of every host."""

    options: tuple[tuple[str, ...], ...]
    """Paths of what the tree sets, each part a string; a path may go below an option's own."""
    units: tuple[str, ...]
    """Units to show, without `.service`."""
    settings: tuple[str, ...]
    """Their settings that matter."""

    def as_data(self) -> dict[str, list[list[str]] | list[str]]:
        """The same for JSON."""
        return {
            "options": [list(path) for path in self.options],
            "units": list(self.units),
            "settings": list(self.settings),
        }


class Said(Model):
    """A failed assertion or a warning, and the module that said so."""

    file: str
    text: str


class Declared(Model):
    """An option that the tree sets, and the files that declare it."""

    name: list[str]
    files: list[str]


class Person(Model):
    """An account."""

    normal: bool
    """Somebody's own, and not a service's."""
    groups: list[str]
    keys: list[str]


class FileSystem(Model):
    """A mount of `fileSystems`."""

    device: str | None
    type: str
    early: bool
    options: list[str]


class Ports(Model):
    """What one part of the firewall opens."""

    tcp: list[int] = Field(default_factory=list)
    udp: list[int] = Field(default_factory=list)
    tcp_ranges: list[tuple[int, int]] = Field(default_factory=list)
    udp_ranges: list[tuple[int, int]] = Field(default_factory=list)


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
    """Settings by unit, as text that systemd gets; none where nothing defines or enables it."""
    users: Mapping[str, Person]
    file_systems: Mapping[str, FileSystem]
    firewall: Firewall
    opened: list[Opened]


@dataclass(frozen=True)
class Answer:
    """What one evaluation came to."""

    host: str
    report: Report | None
    """None where Nix stopped, and for a home: nothing is asked of it but whether it evaluates."""
    complaint: str = ""
    """Nix's standard error, where it stopped."""
    warnings: tuple[str, ...] = ()
    """What was said on the way, as nixpkgs' `lib.warn` and Nix itself do."""
    toplevel: str = ""
    """Path of the derivation that a build would make."""
