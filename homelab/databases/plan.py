"""Plan the databases of a service: where each is, and how the service connects to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.catalog.model import Entry
from homelab.config.databases import (
    SECRET_FIELDS,
    DatabaseKind,
    PostgresqlDatabase,
    RedisDatabase,
    fields_in,
)
from homelab.config.databases import (
    Database as DatabaseConfig,
)
from homelab.config.fact_dumps import Dump
from homelab.config.fact_parts import SecretFact
from homelab.config.service_base import ServiceConfig
from homelab.config.service_containers import PodmanService
from homelab.config.service_modules import CatalogService, FlakeService
from homelab.config.stack import StackConfig
from homelab.databases.elsewhere import stated_databases
from homelab.databases.model import PORTS, Database
from homelab.grouping import grouped
from homelab.network.between import dialled, lan_callers, path_between
from homelab.network.model import LOOPBACK, PortUse
from homelab.services.containers import bridge_of
from homelab.services.declared import declared_options, path_parts
from homelab.services.links import HOST_OF_CONTAINERS

SOCKETS: Mapping[DatabaseKind, str] = {
    "postgresql": "/run/postgresql",
    "mysql": "/run/mysqld/mysqld.sock",
}
"""Sockets of the servers that services share. PostgreSQL's clients take the directory."""


def databases_for(
    stack: StackConfig, name: str, host: str, config: ServiceConfig, entry: Entry, network: str
) -> tuple[Database, ...]:
    """The databases of a service on one of its hosts. `network` is the Podman network of its
    containers; empty for the default one.
    """
    return tuple(
        _database(stack, name, host, config, entry, network, kind, stated)
        for kind, stated in stated_databases(config, entry, host)
    )


def _database(
    stack: StackConfig,
    name: str,
    host: str,
    config: ServiceConfig,
    entry: Entry,
    network: str,
    kind: DatabaseKind,
    stated: DatabaseConfig,
) -> Database:
    there = stated.host or host
    fact = entry.database_elsewhere.get(kind) if kind != "redis" else None
    user = role_by_socket(name, config, entry, kind)
    # A server lets a user in by its socket as the role of that name, and as no other. The name
    # stays, so that the data stays with a service that gets another user.
    by_socket = there == host and bool(user) and not _has_other_user(config, entry)
    role = user if there == host and user else name
    contained = isinstance(config, PodmanService)
    port = stated.port if isinstance(stated, RedisDatabase) else PORTS[kind]
    if by_socket:
        port = 0 if kind == "redis" else port
        address = SOCKETS.get(kind, f"/run/redis-{name}/redis.sock")
    elif there != host:
        address = dialled(stack, host, there)
    else:
        address = HOST_OF_CONTAINERS if contained else LOOPBACK
    fields = _fields(kind, role, address, port, by_socket=by_socket)
    secret = not by_socket and any(
        field in SECRET_FIELDS for text in stated.env.values() for field in fields_in(text)
    )
    return Database(
        service=name,
        caller=host,
        host=there,
        kind=kind,
        name=role,
        by_socket=by_socket,
        address=address,
        port=port,
        bridge=bridge_of(network) if contained and there == host else "",
        extensions=tuple(stated.extensions) if isinstance(stated, PostgresqlDatabase) else (),
        further=tuple(f"{role}-{part}" for part in fact.further)
        if fact is not None and (there != host or isinstance(config, CatalogService))
        else (),
        env={
            variable: text.format_map(fields)
            for variable, text in stated.env.items()
            if not (by_socket and fields_in(text) == ("password",))
        },
        has_secret_env=secret,
        source=f"services.{name}.databases.{kind}",
    )


def catalog_databases(entry: Entry) -> Iterator[tuple[str, str]]:
    """Kinds and names of the databases of an entry on shared servers of its host. The module of an
    app that saves its database itself names it after the user.
    """
    named = [(dump.kind, dump.source) for dump in entry.dumps if dump.kind in SOCKETS]
    yield from named
    if not named and entry.database in SOCKETS and entry.user:
        yield entry.database, entry.user


def role_by_socket(name: str, config: ServiceConfig, entry: Entry, kind: DatabaseKind) -> str:
    """The role of a service whose database is on its own host, by the socket: the user of its
    facts. Empty if it connects by the network there too, as most facts of catalog services say.
    """
    if isinstance(config, CatalogService):
        fact = entry.database_elsewhere.get(kind) if kind != "redis" else None
        if fact is None or not fact.socket:
            return ""
    return _user(name, config, entry)


def _has_other_user(config: ServiceConfig, entry: Entry) -> bool:
    """Whether an option of the stack lets the main unit run as another user than its facts say."""
    of_user = user_options(entry)
    return any(
        option.path in of_user and option.value not in (None, entry.user)
        for option in declared_options(config)
    )


def user_options(entry: Entry) -> frozenset[tuple[str, ...]]:
    """Options that say as which user its units run."""
    modules = (path_parts(o)[:-1] for o in entry.options if path_parts(o)[-1:] == ("enable",))
    units = (("systemd", "services", unit, "serviceConfig", "User") for unit in entry.units)
    return frozenset((*((*module, "user") for module in modules), *units))


def _user(name: str, config: ServiceConfig, entry: Entry) -> str:
    """The user as which the main unit of a service runs; empty if it is not known."""
    if isinstance(config, PodmanService):
        return ""
    if entry.dynamic_user:
        return entry.units[0] if entry.units else ""
    if isinstance(config, FlakeService) or entry.user == "root":
        return ""
    return entry.user


def _fields(
    kind: DatabaseKind, role: str, address: str, port: int, *, by_socket: bool
) -> Mapping[str, str]:
    """Fields of the variables; the password is `{value}`, which whoever writes the file fills in.

    Sources of the URLs: PostgreSQL's libpq, SQLAlchemy and PyMySQL, redis-py.
    """
    if by_socket:
        urls = {
            "postgresql": f"postgresql://{role}@/{role}?host={address}",
            "mysql": f"mysql://{role}@localhost/{role}?unix_socket={address}",
            "redis": f"unix://{address}",
        }
    else:
        place = f"{address}:{port}"
        urls = {
            "postgresql": f"postgresql://{role}:{{value}}@{place}/{role}",
            "mysql": f"mysql://{role}:{{value}}@{place}/{role}",
            "redis": f"redis://:{{value}}@{place}/0",
        }
    return {
        "url": urls[kind],
        "host": address,
        "port": str(port),
        # The databases of a Redis are numbers, and its user has no name.
        "name": "0" if kind == "redis" else role,
        "user": "default" if kind == "redis" else role,
        "password": "" if by_socket else "{value}",
    }


def with_databases(entry: Entry, databases: tuple[Database, ...]) -> Entry:
    """The entry with its databases on its own host, their dumps, and the passwords of those that it
    reaches over the network. A database says nothing about the files of its service.
    """
    if not databases:
        return entry
    here = [d for d in databases if not d.is_remote]
    dumps = tuple(Dump.of(d.kind, d.name) for d in here if d.kind != "redis")
    servers = {d.kind for d in here} - {"redis"}
    passwords = {str(d.kind): _password(d, entry) for d in databases if not d.by_socket}
    update: dict[str, object] = {
        "dumps": (*entry.dumps, *(d for d in dumps if d not in entry.dumps)),
        "persist": (*entry.persist, *(f"/var/lib/{d.redis_unit}" for d in here if d.redis_unit)),
        "secrets": {**entry.secrets, **passwords},
    }
    if servers and entry.database == "none":
        update["database"] = "postgresql" if "postgresql" in servers else "mysql"
    return entry.model_copy(update=update)


def _password(database: Database, entry: Entry) -> SecretFact:
    if database.has_secret_env:
        return SecretFact(form="env", env=dict(sorted(database.env.items())))
    return SecretFact(owner="root" if entry.dynamic_user else entry.user or "root")


def ports_of(stack: StackConfig, databases: tuple[Database, ...]) -> tuple[PortUse, ...]:
    """The ports of the servers that services reach over the network, each open to the hosts of
    those services.
    """
    over = (d for d in databases if not d.by_socket)
    return tuple(
        _port(stack, found) for found in grouped(over, lambda d: f"{d.host} {d.owner}").values()
    )


def _port(stack: StackConfig, databases: tuple[Database, ...]) -> PortUse:
    first = databases[0]
    callers = tuple(sorted({d.caller for d in databases if d.is_remote}))
    paths = {p.network for c in callers if (p := path_between(stack, c, first.host)) is not None}
    services = ", ".join(dict.fromkeys(d.service for d in databases))
    return PortUse(
        host=first.host,
        port=first.port,
        protocol="tcp",
        owner=first.owner,
        label=first.kind,
        scope="tailnet" if "tailnet" in paths else "hosts" if callers else "loopback",
        source=first.source,
        why=f"database of {services}",
        peers=lan_callers(stack, callers, first.host),
    )


def plain_env(databases: tuple[Database, ...]) -> Iterator[tuple[str, str]]:
    """Variables without a password, of the databases of a service."""
    for database in databases:
        if not database.has_secret_env:
            yield from sorted(database.env.items())
