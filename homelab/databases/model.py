"""A database of a service in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.config.databases import DatabaseKind

PORTS: Mapping[DatabaseKind, int] = {"postgresql": 5432, "mysql": 3306, "redis": 6379}
"""Default ports of the servers."""


@dataclass(frozen=True)
class Database:
    """A database that homelab creates for a service on one of its hosts."""

    service: str
    caller: str
    """Host of the service."""
    host: str
    """Host of the database."""
    kind: DatabaseKind
    name: str
    """Name of the database, and of the role that owns it."""
    by_socket: bool
    """Whether the service connects as its user through a socket, without a password."""
    address: str
    """Where the service connects: an address, or the path of a socket. Empty if the stack config
    has no address of the host."""
    port: int
    """Port of the server; 0 for a Redis that has only a socket."""
    bridge: str
    """Bridge from which a container of the same host connects; empty for others."""
    extensions: tuple[str, ...]
    further: tuple[str, ...]
    """Names of further databases of the same role, which no backup has."""
    env: Mapping[str, str]
    """Variables of the service. `{value}` is the password."""
    has_secret_env: bool
    """Whether one of them contains the password."""
    source: str
    """Place in the stack config: `services.wiki.databases.postgresql`."""

    @property
    def is_remote(self) -> bool:
        """Whether it is on another host than its service."""
        return self.host != self.caller

    @property
    def password_name(self) -> str:
        """Name of the copy of its password on its host, among the secrets of the service."""
        return f"database-{self.kind}"

    @property
    def password_unit(self) -> str:
        """The unit that sets its password, without `.service`; empty if none does."""
        return "" if self.by_socket or self.kind == "redis" else f"{self.service}-{self.kind}"

    @property
    def extensions_unit(self) -> str:
        """The unit that creates its extensions, without `.service`; empty without extensions."""
        return f"{self.service}-extensions" if self.extensions else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those of the further ones."""
        return (self.name, *self.further)

    @property
    def owner_unit(self) -> str:
        """The unit that gives the further databases to its role, without `.service`; empty without
        any.
        """
        return f"{self.service}-databases" if self.further else ""

    @property
    def redis_unit(self) -> str:
        """The unit of its server, and the user of it; empty for a shared server."""
        return f"redis-{self.service}" if self.kind == "redis" else ""

    @property
    def label(self) -> str:
        """What a client calls it. The databases of a Redis are numbers."""
        return "0" if self.kind == "redis" else self.name

    @property
    def user(self) -> str:
        """The user as whom a client connects. That of a Redis has no name of its own."""
        return "default" if self.kind == "redis" else self.name

    @property
    def owner(self) -> str:
        """Name of what listens on its port: a server that services share, or its Redis."""
        return self.redis_unit or self.kind
