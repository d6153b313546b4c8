"""Facts of one nixpkgs module, by release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = bool | str | tuple[str, ...]
"""Value of a unit's setting: text, or a boolean or list where the NixOS module uses one."""

Priority = Literal["package", "default", "plain", "force"]
"""`package`: in the unit file of the package, which any definition in NixOS replaces. `default`:
`mkDefault`. `plain`: an ordinary definition. `force`: `mkForce`."""


@dataclass(frozen=True)
class Setting:
    """A module's definition of one setting of a unit."""

    value: Value
    priority: Priority = "plain"


@dataclass(frozen=True)
class Unit:
    """One systemd service that a module defines."""

    name: str
    """Without `.service`; `{…}` stands for a part that the configuration names."""
    service: Mapping[str, Setting]
    """Settings of the sandbox, the user and the state directories; others are not transcribed.
    A secret file (`EnvironmentFile`, `LoadCredential`) is `true`."""
    opens_state: bool
    """Whether it reads or writes the module's state."""
    only_with: str = ""
    """Option that must be set for the unit to exist; empty when it always exists."""
    root_start: bool = False
    """A command before its start runs as root, whatever `User` is."""
    set_in: str = ""
    """File of nixpkgs that defines its settings, if it is not the module's."""

    def text(self, name: str) -> str:
        """A setting as text; empty when the module does not define it or it is a boolean."""
        setting = self.service.get(name)
        if setting is None or isinstance(setting.value, bool):
            return ""
        return setting.value if isinstance(setting.value, str) else " ".join(setting.value)

    @property
    def is_dynamic(self) -> bool:
        """Whether it has `DynamicUser`."""
        setting = self.service.get("DynamicUser")
        return setting is not None and setting.value is True

    @property
    def user(self) -> str:
        """The user it runs as; systemd's default when the module does not define `User`."""
        return self.text("User") or (self.name if self.is_dynamic else "root")

    @property
    def state_directories(self) -> tuple[str, ...]:
        """Directories of `StateDirectory`, as real paths."""
        setting = self.service.get("StateDirectory")
        if setting is None or isinstance(setting.value, bool):
            return ()
        words = setting.value.split() if isinstance(setting.value, str) else setting.value
        base = "/var/lib/private" if self.is_dynamic else "/var/lib"
        return tuple(f"{base}/{word}" for word in words)


@dataclass(frozen=True)
class User:
    """A user account that a module creates."""

    name: str
    home: str = ""
    uid: int | None = None
    """Its number in nixpkgs' ids.nix; `None` when NixOS assigns one."""


@dataclass(frozen=True)
class Release:
    """Facts about a module in one NixOS release."""

    commit: str
    """The nixpkgs commit that was transcribed; empty when unknown."""
    note: str
    """Which source was transcribed, if it is not the release's."""
    units: Mapping[str, Unit]
    users: Mapping[str, User] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    """State directories that systemd does not create: those of tmpfiles, and home directories."""
    capabilities: tuple[str, ...] = ()
    """Capabilities that a unit started as root needs, from the programs that it runs."""
    assertions: tuple[str, ...] = ()
    """The module's assertions, abbreviated."""
    required: tuple[str, ...] = ()
    """Options without a default."""
    required_one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of options of which at least one must be set."""
    port: str | None = None
    """Option for its port; empty when the port is fixed, `None` without a port."""
    by_state_version: tuple[str, ...] = ()
    """What depends on `system.stateVersion`."""

    @property
    def state(self) -> tuple[str, ...]:
        """All directories that hold its state, sorted."""
        found = [p for u in self.units.values() if u.opens_state for p in u.state_directories]
        return tuple(sorted({*found, *self.made}))


@dataclass(frozen=True)
class Upstream:
    """One nixpkgs module."""

    name: str
    source: str
    """Its path in nixpkgs."""
    releases: Mapping[str, Release]
