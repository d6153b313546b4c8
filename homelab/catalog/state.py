"""Where modules of nixpkgs without a catalog entry keep their state: the facts of `state.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from homelab.plaintext import yaml_data

_KEYS = {"state", "at", "user", "until", "each"}


@dataclass(frozen=True)
class StateOf:
    """The state of one module."""

    option: str
    """The option that has `enable`; `*` is any name."""
    source: str
    """The file of the module, below `nixos/modules` in nixpkgs."""
    paths: tuple[str, ...]
    """The directories, by default; `*` is the name at the `*` of the option."""
    at: str = ""
    """The option that moves the first directory."""
    user: str = ""
    """Who must own them; empty where the module itself sees to it."""
    until: tuple[str, tuple[str, ...]] = ("", ())
    """The `system.stateVersion` since which `paths` holds, and the directories before it."""
    each: bool = False
    """Whether every name below the option has state, without an `enable`."""

    def at_version(self, version: str) -> tuple[str, ...]:
        """The directories of a system that was installed with a release (`25.11`)."""
        since, before = self.until
        return before if version < since else self.paths


@cache
def state_of() -> tuple[StateOf, ...]:
    """Every module of the file, in its order. Raises `ValueError` when the file is malformed."""
    text = files("homelab.catalog").joinpath("state.yaml").read_text("utf-8")
    data = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", yaml_data(text))
    return tuple(
        _read(option, source, facts)
        for source, options in data.items()
        for option, facts in options.items()
    )


def _read(option: str, source: str, facts: Mapping[str, object]) -> StateOf:
    paths = facts.get("state")
    until = cast("Mapping[str, list[str]]", facts.get("until", {"": []}))
    if not facts.keys() <= _KEYS or not isinstance(paths, list) or not paths:
        raise ValueError(f"state.yaml: {option} has no list of directories, or a key too many")
    return StateOf(
        option,
        source,
        tuple(map(str, paths)),
        str(facts.get("at", "")),
        str(facts.get("user", "")),
        next((since, tuple(before)) for since, before in until.items()),
        facts.get("each") is True,
    )
