"""Databases that homelab creates for a service, on its host or on another one."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from homelab.config.base import Model, Name, Port, Str, pattern
from homelab.config.types import Variable

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


def fields_in(text: str) -> tuple[str, ...]:
    """The fields of a variable of `env`."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


class Database(Model):
    """A database that homelab creates for a service."""

    host: Name | None = None
    """Host of the stack that has the database. Default: the host of the service."""
    env: dict[Variable, Annotated[Str, AfterValidator(_text)]] = Field(default_factory=dict)
    """Variables of the service, in which `{url}`, `{host}`, `{port}`, `{name}`, `{user}` and
    `{password}` are those of the database: `{DATABASE_URL: "{url}"}`. Of several containers, the
    one with the web port gets them."""


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
