"""How the facts of a service connect it to a database on another host, or on a server in place of
its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from homelab.catalog.model import Entry
from homelab.catalog.options import joined_options
from homelab.config.databases import (
    Database,
    DatabaseElsewhere,
    DatabaseKind,
    MysqlDatabase,
    PostgresqlDatabase,
)
from homelab.config.facts import ServiceFacts
from homelab.config.service_base import ServiceConfig
from homelab.config.service_modules import CatalogService
from homelab.config.services import databases_of


def stated_databases(
    config: ServiceConfig, facts: ServiceFacts, host: str
) -> Iterator[tuple[DatabaseKind, Database]]:
    """The databases that homelab creates for a service on one of its hosts. A service with facts
    has its own database there, and one of `databases` on another host; if its own one is a file,
    one of `databases` on any host.
    """
    if isinstance(config, CatalogService):
        for kind, there in config.databases.items():
            fact = _fact(facts, kind)
            if fact is not None and (there.host != host or facts.database != kind):
                model = PostgresqlDatabase if kind == "postgresql" else MysqlDatabase
                yield kind, _completed(model(host=there.host), fact)
        return
    for kind, stated in databases_of(config).items():
        fact = _fact(facts, kind) if stated.host not in (None, host) else None
        yield kind, _completed(stated, fact) if fact is not None else stated


def _fact(facts: ServiceFacts, kind: DatabaseKind) -> DatabaseElsewhere | None:
    return None if kind == "redis" else facts.database_elsewhere.get(kind)


def _completed(stated: Database, fact: DatabaseElsewhere) -> Database:
    update: dict[str, object] = {"env": {**fact.env, **stated.env}}
    if isinstance(stated, PostgresqlDatabase):
        update["extensions"] = [*dict.fromkeys((*fact.extensions, *stated.extensions))]
    return stated.model_copy(update=update)


def facts_elsewhere(
    config: ServiceConfig, facts: ServiceFacts, host: str
) -> tuple[tuple[DatabaseKind, DatabaseElsewhere], ...]:
    """How a service connects to those of its databases that are not on this host of it, or that
    replace a file.
    """
    found = (
        (kind, _fact(facts, kind))
        for kind, stated in stated_databases(config, facts, host)
        if isinstance(config, CatalogService) or stated.host not in (None, host)
    )
    return tuple((kind, fact) for kind, fact in found if fact is not None)


def connected(options: Mapping[str, JsonValue], fact: DatabaseElsewhere) -> dict[str, JsonValue]:
    """The options of a service whose database is on another host."""
    kept = {path: value for path, value in options.items() if not _covered(path, fact.without)}
    return joined_options(kept, fact.options)


def connected_entry(
    entry: Entry, elsewhere: tuple[tuple[DatabaseKind, DatabaseElsewhere], ...]
) -> Entry:
    """The entry of a service with such databases: without the server, the dumps and the options of
    its own database.
    """
    for kind, fact in elsewhere:
        own = kind if entry.database == kind else "sqlite"
        since = {
            release: {path: v for path, v in more.items() if not _covered(path, fact.without)}
            for release, more in entry.options_since.items()
        }
        entry = entry.model_copy(
            update={
                "options": connected(entry.options, fact),
                "options_since": since,
                "database": "none" if entry.database == own else entry.database,
                "dumps": tuple(d for d in entry.dumps if d.kind != own),
            }
        )
    return entry


def _covered(path: str, without: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in without)
