"""Connections in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.secret_paths import Source


@dataclass(frozen=True)
class Key:
    """The API key of a service, copied to the host of a service that calls it."""

    service: str
    """Service whose key it is."""
    name: str
    """Name of the copy among the secrets of the caller."""
    purpose: str
    """Input of the derivation, the same as that of the key itself."""
    source: Source
    stored_key: str
    """Key in the sops file, for a stored one."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables with `{value}` in their text; none for a file with the key alone."""


@dataclass(frozen=True)
class Wanted:
    """An object that a service must have in its API, as JSON."""

    path: str
    identified_by: str
    body: Mapping[str, JsonValue]
    initial: Mapping[str, JsonValue]
    fields: Mapping[str, JsonValue]
    initial_fields: Mapping[str, JsonValue]
    tags: tuple[str, ...]
    omits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wiring:
    """What one service on one host is told of the services that it connects to."""

    service: str
    host: str
    unit: str
    """Main unit of the service, without `.service`."""
    address: str
    """Its own address, `http://127.0.0.1:8989`."""
    callees: tuple[str, ...]
    waits: tuple[str, ...]
    """URLs that must answer first."""
    collections: tuple[str, ...]
    """Lists of its API in which homelab owns every object with ` (homelab)` behind its name."""
    wanted: tuple[Wanted, ...]
    keys: tuple[Key, ...]
    env: Mapping[str, str]
    """Variables of its unit."""
    source: str

    @property
    def timer(self) -> str:
        """The timer that makes the connections."""
        return f"{self.service}-connections"
