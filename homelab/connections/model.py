"""Connections in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.config.base import ServiceSecretRef
from homelab.config.fact_parts import SecretFact, referred
from homelab.secret_paths import Source, fact_path


@dataclass(frozen=True)
class Key:
    """The API key of a service, copied to the host of a service that calls it."""

    service: str
    """Service whose key it is."""
    host: str
    """Host of that service."""
    group: str
    """The caller, or for a key that only its connections read, their unit."""
    name: str
    """Name of the copy in the group."""
    purpose: str
    """Input of the derivation, the same as that of the key itself."""
    source: Source
    stored_key: str
    """Key in the sops file, for a stored one."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables with `{value}` in their text; none for a file with the key alone."""
    ref: ServiceSecretRef | None = None
    """Where the key is, if it is neither derived nor in sops: each host fetches it on its own."""

    @property
    def fact(self) -> SecretFact:
        """The copy as a secret of the caller."""
        fact = SecretFact(
            source="stored" if self.source == "stored" else "derived",
            form="env" if self.env else "file",
            env=dict(self.env),
            stored_key=self.stored_key,
        )
        return referred(fact, self.ref)

    @property
    def path(self) -> str:
        """Path of the copy on the host of the caller."""
        return fact_path(self.group, self.name, self.fact)


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
    """What one service on one host learns about the services that it connects to."""

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
        return unit_of_connections(self.service)


def unit_of_connections(service: str) -> str:
    """Name of the unit that makes the connections of a service."""
    return f"{service}-connections"
