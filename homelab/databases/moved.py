"""Databases that the lock has elsewhere than the stack config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.config.databases import DatabaseKind
from homelab.config.service_modules import CatalogService
from homelab.databases.plan import role_by_socket
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.own import original_entry
from homelab.system.renamed import renamed_hosts


@dataclass(frozen=True)
class MovedDatabase:
    """A database of a service that the lock has on another host, or that was or becomes a file."""

    service: str
    kind: str
    host: str
    """Empty for a file of the service."""
    before: str
    """The host that the lock has; empty for a file of the service."""
    source: str
    """Place in the stack config that has its host."""
    way_back: str
    """What to write to keep it where it is."""
    names: tuple[str, str] | None = None
    """Its name before and now, if it stays on its host and another one is used there: by the socket
    that of the user, by the network that of the service."""


def moved_databases(plan: Plan) -> Iterator[MovedDatabase]:
    """Databases that the lock has elsewhere."""
    current = renamed_hosts(plan.stack, plan.lock)
    for service in plan.services:
        memory = service.memory
        if memory is None:
            continue
        recorded = memory.placement.databases
        hosts: dict[DatabaseKind, str] = {d.kind: d.host for d in service.databases}
        sources = {d.kind: d.source for d in service.databases}
        own, file = own_kinds(service), file_kinds(plan, service)
        for kind in own:
            hosts.setdefault(kind, "" if kind in file else service.host)
        for kind, host in hosts.items():
            # The module of a service has its database on the host of the service, without a record.
            before = recorded.get(
                kind, ("" if kind in file else memory.host) if kind in own else None
            )
            if before is None:
                continue
            before = current.get(before, before)
            was = _name(service, kind, here=before == memory.host)
            now = _name(service, kind, here=host == service.host)
            renamed = bool(before) and before == host and was != now
            # A service that moves with its databases is a matter of move-stateful.
            together = before == memory.host and host == service.host
            if together or not (renamed or before != host):
                continue
            if renamed:
                way_back = f"write host: {memory.host}"
            elif not before or (before == service.host and kind in own and kind not in file):
                way_back = "leave databases out"
            elif kind in own:
                way_back = f"write databases: {{{kind}: {{host: {before}}}}}"
            else:
                way_back = f"write host: {before}"
            yield MovedDatabase(
                service=service.name,
                kind=kind,
                host=host,
                before=before,
                source=sources.get(kind, service.at("databases")),
                way_back=way_back,
                names=(was, now) if renamed else None,
            )


def _name(service: Service, kind: DatabaseKind, *, here: bool) -> str:
    """The name of its database on its own host, or on another."""
    user = role_by_socket(service.name, service.config, service.entry, kind)
    return user if user and here else service.name


def own_kinds(service: Service) -> tuple[DatabaseKind, ...]:
    """The kinds of database that a service of the catalog may have elsewhere: its own kind on
    another host, or one in place of its file.
    """
    if not isinstance(service.config, CatalogService):
        return ()
    return tuple(service.entry.database_elsewhere)


def file_kinds(plan: Plan, service: Service) -> frozenset[str]:
    """Those of them that replace a file."""
    own = original_entry(plan.stack, service.name, service.config) or service.entry
    return frozenset(kind for kind in own_kinds(service) if own.database != kind)
