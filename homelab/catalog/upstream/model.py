"""Facts of one nixpkgs module, by release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = bool | str | tuple[str, ...]
"""A unit's setting: systemd's text, and NixOS's own booleans and lists where it takes such."""

Priority = Literal["package", "default", "plain", "force"]
"""`package` stands in the unit that the package brings, which any text of NixOS replaces;
`default` is `mkDefault`, `plain` a definition like any other, `force` is `mkForce`."""


@dataclass(frozen=True)
class Setting:
    """What a module says of one setting of a unit."""

    value: Value
    priority: Priority = "plain"


@dataclass(frozen=True)
class Unit:
    """One systemd service that a module makes."""

    name: str
    """Without `.service`; `{…}` stands for a part that the configuration names."""
    service: Mapping[str, Setting]
    """Settings that say what it may do, whose it is and where it keeps its state. Its further ones
    were left out. A file of secrets (`EnvironmentFile`, `LoadCredential`) is true."""
    opens_state: bool
    """Whether it reads or writes the module's state."""
    only_with: str = ""
    """Option without which there is no such unit."""
    root_start: bool = False
    """Something before its start is root's, whoever the unit is."""
    set_in: str = ""
    """Another file of nixpkgs where its settings stand."""

    def text(self, name: str) -> str:
        """A setting that is one word, empty where the module says nothing."""
        setting = self.service.get(name)
        if setting is None or isinstance(setting.value, bool):
            return ""
        return setting.value if isinstance(setting.value, str) else " ".join(setting.value)

    @property
    def is_dynamic(self) -> bool:
        """Whether systemd makes up its user at each start."""
        setting = self.service.get("DynamicUser")
        return setting is not None and setting.value is True

    @property
    def user(self) -> str:
        """Who it runs as: systemd's own rules where the module says nothing."""
        return self.text("User") or (self.name if self.is_dynamic else "root")

    @property
    def state_directories(self) -> tuple[str, ...]:
        """Directories that systemd makes for it, where they really lie."""
        setting = self.service.get("StateDirectory")
        if setting is None or isinstance(setting.value, bool):
            return ()
        words = setting.value.split() if isinstance(setting.value, str) else setting.value
        base = "/var/lib/private" if self.is_dynamic else "/var/lib"
        return tuple(f"{base}/{word}" for word in words)


@dataclass(frozen=True)
class User:
    """An account that a module makes."""

    name: str
    home: str = ""
    uid: int | None = None
    """Its number in nixpkgs' ids.nix, `None` for the next free one."""


@dataclass(frozen=True)
class Release:
    """What a module says in one NixOS release."""

    commit: str
    """Of the text that was read, where it is known."""
    note: str
    """Which text was read, where it is not the release's own."""
    units: Mapping[str, Unit]
    users: Mapping[str, User] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    """State directories beside those of systemd: tmpfiles' and homes."""
    capabilities: tuple[str, ...] = ()
    """What a unit needs that starts as root, found in what it runs."""
    assertions: tuple[str, ...] = ()
    """What it insists on, in a few words."""
    required: tuple[str, ...] = ()
    """Options without a default."""
    required_one_of: tuple[tuple[str, ...], ...] = ()
    """Options of which one is enough."""
    port: str | None = None
    """Option with its port, empty where no option of it moves it, `None` without a port."""
    by_state_version: tuple[str, ...] = ()
    """What goes by `system.stateVersion`."""

    @property
    def state(self) -> tuple[str, ...]:
        """Every directory that it keeps state in."""
        found = [p for u in self.units.values() if u.opens_state for p in u.state_directories]
        return tuple(sorted({*found, *self.made}))


@dataclass(frozen=True)
class Upstream:
    """One module of nixpkgs."""

    name: str
    source: str
    """Its place in nixpkgs."""
    releases: Mapping[str, Release]
