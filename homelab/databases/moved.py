"""Databases that the lock has elsewhere than the stack config, or under another name."""

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

GUIDE = "docs/guide/links.md"
"""The page with the steps that copy a database."""


@dataclass(frozen=True)
class RenamedDatabase:
    """The name of a database before and now."""

    before: str
    now: str
    why: str
    """What the name follows from."""


@dataclass(frozen=True)
class MovedDatabase:
    """A database of a service that the lock has on another host or under another name, or that was
    or becomes a file.
    """

    service: str
    kind: str
    host: str
    """Empty for a file of the service."""
    before: str
    """The host that the lock has; empty for a file of the service."""
    source: str
    """Place in the stack config that has its host, or its name."""
    way_back: str
    """What to write to keep it where it is."""
    renamed: RenamedDatabase | None = None
    """Set if it stays with its service or on its host, and another one is used there."""


def moved_databases(plan: Plan) -> Iterator[MovedDatabase]:
    """Databases that the lock has elsewhere."""
    current = renamed_hosts(plan.stack, plan.lock)
    for service in plan.services:
        memory = service.memory
        if memory is None:
            continue
        recorded = memory.placement.databases
        hosts: dict[DatabaseKind, str] = {d.kind: d.host for d in service.databases}
        names = {d.kind: d.name for d in service.databases}
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
            recorded_name = memory.placement.database_names.get(kind)
            was = recorded_name or _name(service, kind, here=before == memory.host)
            now = names.get(kind) or _name(service, kind, here=host == service.host)
            # A service that moves with its databases is a matter of move-stateful.
            together = before == memory.host and host == service.host
            if before and was != now and (together or before == host):
                yield _renamed(service, kind, host, before, was, now)
                continue
            if together or before == host:
                continue
            if not before or (before == service.host and kind in own and kind not in file):
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
            )


def _renamed(
    service: Service, kind: DatabaseKind, host: str, before: str, was: str, now: str
) -> MovedDatabase:
    """A database under another name: by the socket that of the user, by the network that of the
    service.
    """
    memory = service.memory
    assert memory is not None
    if (before == memory.host) != (host == service.host):
        source, way_back = service.at("host"), f"write host: {memory.host}"
        why = "a service of its host connects as its user"
    elif was == memory.name != service.name:
        source, way_back = service.source, f"call it {was} again"
        why = "it has the name of the service"
    else:
        source = service.at("unit.user") if service.unit is not None else service.source
        way_back = f"let it run as {was} again"
        if service.unit is not None:
            # A dynamic user has the name of the service, too.
            leave = ", or leave it out as before" if was == service.name else ""
            way_back = f"write unit.user: {was}{leave}"
        why = "it has the name of the user as which the service connects"
    return MovedDatabase(
        service=service.name,
        kind=kind,
        host=host,
        before=before,
        source=source,
        way_back=way_back,
        renamed=RenamedDatabase(was, now, why),
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
