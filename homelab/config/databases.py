"""Databases that homelab creates for a service, on its host or on another one."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from homelab.config.base import Model, Name, Port, Str, pattern
from homelab.config.types import OptionPath, Variable

DatabaseKind = Literal["postgresql", "mysql", "redis"]
KINDS: tuple[DatabaseKind, ...] = ("postgresql", "mysql", "redis")
Extension = Annotated[
    Str,
    pattern(r"[a-z][a-z0-9_-]*", "this is not an extension of PostgreSQL; write its name: pg_trgm"),
]
FIELDS = ("url", "host", "port", "name", "user", "password")
"""Fields of a variable of `env`."""
SECRET_FIELDS = ("url", "password")
"""Those that contain the password of a database over the network."""


def _text(value: str) -> str:
    """Refuses what is no field."""
    try:
        found = [*string.Formatter().parse(value)]
    except ValueError:
        found = [(value, "", "", None)]
    for literal, name, spec, how in found:
        if "{" in literal or "}" in literal or spec or how or (name or "url") not in FIELDS:
            raise ValueError(
                f"a brace begins a field here; write one of "
                f"{', '.join('{' + f + '}' for f in FIELDS)}"
            )
    return value


DatabaseText = Annotated[Str, AfterValidator(_text)]
"""A text with the fields of a database: `{url}`, `{host}`, `{password}`."""


def fields_in(text: str) -> tuple[str, ...]:
    """The fields of a variable of `env`."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


class Database(Model):
    """A database that homelab creates for a service."""

    host: Name | None = None
    """Host of the stack that has the database. Default: the host of the service."""
    env: dict[Variable, DatabaseText] = Field(default_factory=dict)
    """Variables of the service, in which `{url}`, `{host}`, `{port}`, `{name}`, `{user}` and
    `{password}` are those of the database: `{DATABASE_URL: "{url}"}`. Of several containers, the
    one with the web port gets them."""


class CatalogDatabase(Model):
    """The host of a database of a service of the catalog."""

    host: Name
    """Host of the stack that has the database: another one in place of the service's own host; for
    a service whose database is a file, SQLite, any host, also its own. The facts of the service say
    how it connects."""


def _of_catalog(value: object) -> object:
    if isinstance(value, Mapping) and "redis" in value:
        raise ValueError(
            "the Redis of a service of the catalog is a cache on its own host; leave redis out"
        )
    if isinstance(value, list):
        raise ValueError(
            "a service of the catalog has its databases already; write the host of one: "
            "{postgresql: {host: nas}}, or leave it out"
        )
    return value


class CatalogDatabases(Model):
    """The databases of a service of the catalog that are on another host, or on a server in place
    of its file.
    """

    postgresql: CatalogDatabase | None = None
    """Its PostgreSQL database."""
    mysql: CatalogDatabase | None = None
    """Its MariaDB database."""

    def items(self) -> Iterator[tuple[DatabaseKind, CatalogDatabase]]:
        """Each database with its kind."""
        if self.postgresql is not None:
            yield "postgresql", self.postgresql
        if self.mysql is not None:
            yield "mysql", self.mysql


CatalogDatabasesOf = Annotated[
    CatalogDatabases, BeforeValidator(_of_catalog, json_schema_input_type=CatalogDatabases)
]


class DatabaseElsewhere(Model):
    """How a service connects to its database on another host, or on a server in place of its file:
    by the network with a password, or on its own host by the socket.
    """

    options: dict[OptionPath, JsonValue] = Field(default_factory=dict)
    """Options in place of those for its own database. `{database[postgresql].host}`,
    `port`, `name` and `user` are fields of `$text`, and `{$secret: postgresql}` is the file with
    the password."""
    without: Annotated[tuple[OptionPath, ...], Field(strict=False)] = ()
    """Options that only the database on its own host needs, with everything below each:
    `[services.postgresql]`."""
    env: dict[Variable, DatabaseText] = Field(default_factory=dict)
    """Variables of its main unit, for a program that reads the password from its environment:
    `{DATABASE_URL: "{url}"}`."""
    extensions: Annotated[tuple[Extension, ...], Field(strict=False)] = ()
    """Extensions of PostgreSQL that it needs."""
    further: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Further databases of PostgreSQL that its role owns: `[log]` is the one with `-log` after the
    name. Only what may be lost belongs there, because no backup has it."""
    socket: bool = False
    """Whether it connects through the socket, as its user and without a password, if the database
    is on its own host. The host is then the directory of the socket."""


class PostgresqlDatabase(Database):
    """A PostgreSQL database that homelab creates for a service."""

    extensions: list[Extension] = Field(default_factory=list)
    """Its extensions: `[pg_trgm, uuid-ossp]`. Those that PostgreSQL does not come with need
    `services.postgresql.extensions` on its host."""


class MysqlDatabase(Database):
    """A MariaDB database that homelab creates for a service."""


class RedisDatabase(Database):
    """A Redis server that homelab starts for a service. It is a cache, and is not backed up."""

    port: Port = 6379
    """Its port, for a service that connects over the network. Every Redis of a host has another
    one."""


def _listed(value: object) -> object:
    """A list of kinds, as the keys that it stands for; a key without a value has the defaults."""
    if isinstance(value, list):
        if len({str(v) for v in value}) < len(value):
            raise ValueError("databases names one of them twice; leave the second out")
        return {str(kind): {} for kind in value}
    if isinstance(value, Mapping):
        return {kind: {} if stated is None else stated for kind, stated in value.items()}
    return value


class Databases(Model):
    """The databases of a service."""

    postgresql: PostgresqlDatabase | None = None
    """A PostgreSQL database, with a role that owns it."""
    mysql: MysqlDatabase | None = None
    """A MariaDB database, with a user who has every right in it."""
    redis: RedisDatabase | None = None
    """A Redis server of its own, as a cache."""

    def items(self) -> Iterator[tuple[DatabaseKind, Database]]:
        """Each database with its kind."""
        stated: tuple[tuple[DatabaseKind, Database | None], ...] = (
            ("postgresql", self.postgresql),
            ("mysql", self.mysql),
            ("redis", self.redis),
        )
        yield from ((kind, one) for kind, one in stated if one is not None)


DatabasesOf = Annotated[
    Databases, BeforeValidator(_listed, json_schema_input_type=Databases | list[DatabaseKind])
]
"""The databases of a service, or only their kinds: `[postgresql, redis]`."""
