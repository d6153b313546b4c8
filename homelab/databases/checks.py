"""Checks of databases that homelab creates for services."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.plan import database_job
from homelab.catalog.model import Entry
from homelab.check import check
from homelab.config.databases import fields_in
from homelab.config.service_modules import CatalogService
from homelab.config.services import databases_of
from homelab.databases.extensions import CONTRIB, PACKAGES
from homelab.databases.model import Database
from homelab.databases.moved import GUIDE, MovedDatabase, moved_databases
from homelab.databases.plan import catalog_databases
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declares
from homelab.services.own import original_entry
from homelab.system.model import Host
from homelab.system.renamed import renamed_hosts

EXTENSIONS = "services.postgresql.extensions"


@check("database-host")
def database_host(plan: Plan) -> Iterator[Problem]:
    """A database needs a host that runs NixOS and is set up."""
    hosts = {n: h for n, h in plan.hosts.items() if h.is_nixos}
    usable = [n for n, h in hosts.items() if h.config.state not in ("planned", "retired")]
    held = [n for n in usable if hosts[n].config.state == "held"]
    for service in plan.each_service():
        for database in service.databases:
            where, host = f"{database.source}.host", database.host
            if host == service.host:
                continue
            if host not in plan.hosts:
                yield Problem(
                    where, f'there is no host "{host}"', did_you_mean(host, usable, "hosts")
                )
            elif host not in hosts:
                yield Problem(
                    where,
                    f"{host} is managed by home-manager only, so homelab creates no database there",
                    f"name another host: {', '.join(usable)}",
                )
            elif hosts[host].config.state == "held" and not _is_recorded(plan, database):
                yield Problem(
                    where,
                    f"{host} is held, so no deployment creates a database there",
                    f"name another host: {', '.join(n for n in usable if n not in held)}; or set "
                    f"hosts.{host}.state: live",
                )
            elif host not in usable:
                yield Problem(
                    where,
                    f"{host} is {hosts[host].config.state}, so it has no databases",
                    f"name another host: {', '.join(usable)}",
                )


def _is_recorded(plan: Plan, database: Database) -> bool:
    """Whether the lock has the database on its host, so that a deployment has created it."""
    current = renamed_hosts(plan.stack, plan.lock)
    recorded = (
        s.memory.placement.databases.get(database.kind)
        for s in plan.instances(database.service)
        if s.memory is not None
    )
    return any(current.get(h, h) == database.host for h in recorded if h is not None)


@check("database-own")
def database_own(plan: Plan) -> Iterator[Problem]:
    """Two services with one database read and overwrite each other's data, and the password of one
    opens that of the other.
    """
    for host in plan.hosts:
        taken = {
            key: service.name
            for service in plan.on(host)
            for key in catalog_databases(service.entry)
            if key not in {(d.kind, d.name) for d in service.databases}
        }
        seen: dict[tuple[str, str], Database] = {}
        named = ((d, name) for d in plan.databases_on(host) for name in d.names)
        for database, name in named:
            if database.kind == "redis":
                continue
            key = (database.kind, name)
            first = seen.setdefault(key, database)
            other = taken.get(key, first.service)
            # Units that run as one user share its database over the socket.
            shared = first.by_socket and database.by_socket and key not in taken
            if other != database.service and not shared:
                yield Problem(
                    database.source,
                    f"{other} has a database {name} in {database.kind} on {host} already",
                    "give the service another name, or name another host",
                )
        names = {s.name for s in plan.on(host)}
        for database in plan.databases_on(host):
            if database.is_remote and database_job(database.service) in names:
                yield Problem(
                    f"services.{database_job(database.service)}",
                    f"this is the name of the backup of {database.service}'s database on {host}",
                    "give the service another name",
                )


@check("database-extension")
def database_extension(plan: Plan) -> Iterator[Problem]:
    """The unit that creates an extension which the server lacks fails, and its service with it."""
    for service in plan.each_service():
        for database in service.databases:
            lacking = [e for e in database.extensions if e not in CONTRIB | PACKAGES.keys()]
            host = plan.hosts.get(database.host)
            if host is None or not lacking or _may_add_extensions(plan, host):
                continue
            for extension in lacking:
                yield Problem(
                    f"{database.source}.extensions",
                    f"PostgreSQL does not come with {extension}, and {host.name} does not add it",
                    f"set {EXTENSIONS} in a module of {host.source}.modules, or leave it out",
                )


def _may_add_extensions(plan: Plan, host: Host) -> bool:
    """Whether options of the host may add extensions. No check of the plan reads its modules, and
    a nixpkgs module with a database, such as Immich's, adds those of its app.
    """
    services = plan.on(host.name)
    return (
        bool(host.config.modules or host.config.extends)
        or any(declares(s.config, EXTENSIONS) for s in services)
        or any(s.entry.database == "postgresql" and not s.is_made for s in services)
    )


@check("database-env")
def database_env(plan: Plan) -> Iterator[Problem]:
    """A variable with a field that has no value leaves its service without a database."""
    for service in plan.each_service():
        stated = dict(databases_of(service.config).items())
        for database in service.databases:
            written = stated.get(database.kind)
            for variable, text in written.env.items() if written is not None else ():
                where = f"{database.source}.env.{variable}"
                fields = fields_in(text)
                if database.by_socket and "password" in fields:
                    yield Problem(
                        where,
                        f"{service.name} connects as its user through {database.address}, without "
                        "a password",
                        "leave {password} out, or write {url}",
                    )
                elif database.by_socket and database.kind == "redis" and "port" in fields:
                    yield Problem(
                        where,
                        f"this Redis has only the socket {database.address}",
                        "leave {port} out, or write {url}",
                    )


@check("database-password")
def database_password(plan: Plan) -> Iterator[Problem]:
    """Both hosts derive the password of a database, so no other secret has its place."""
    for service in plan.each_service():
        kinds = {d.kind for d in service.databases if not d.by_socket}
        for kind in sorted(kinds & service.secrets.keys()):
            yield Problem(
                service.at(f"secrets.{kind}"),
                f"{kind} is the password of the database of {service.name}, which homelab derives",
                f"leave it out, or give the secret another name; env of databases.{kind} passes "
                "the password as a variable",
            )


@check("database-vpn")
def database_vpn(plan: Plan) -> Iterator[Problem]:
    """A service whose packets all go through a VPN does not reach a database at home."""
    for service in plan.each_service():
        vpn = service.vpn
        for database in service.databases if vpn is not None else ():
            if not database.by_socket and vpn is not None:
                yield Problem(
                    database.source,
                    f"{service.name} connects to it over the network, and all of its packets go "
                    f"through the VPN {vpn.name}",
                    f"run it as a unit with host: {service.host} here, or leave vpn out",
                )


_FILE = "a file of its own, SQLite"


@check("database-moved")
def database_moved(plan: Plan) -> Iterator[Problem]:
    """A database that is created elsewhere, or under another name, is empty, and the data stays
    behind.
    """
    for moved in moved_databases(plan):
        if moved.renamed is not None:
            before, now = moved.renamed.before, moved.renamed.now
            yield Problem(
                moved.source,
                f"the database of {moved.service} on {moved.before} is {before} and would be "
                f"{now}, because {moved.renamed.why}; a new one is empty",
                f"{_carried(moved, before, now)}; or {moved.way_back}",
            )
            continue
        was, now = moved.before or _FILE, moved.host or _FILE
        where = f"on {was}" if moved.before else was
        yield Problem(
            moved.source,
            f"the database of {moved.service} was {where}, and its data stays there",
            f"{_copied(moved, now)}; or {moved.way_back}",
        )


def _copied(moved: MovedDatabase, now: str) -> str:
    """How the data gets into a database that the next deployment makes."""
    acknowledged = f"acknowledge: homelab lock --move {moved.service}"
    if not moved.host:
        return f"copy it to {now} by the way of the program, and {acknowledged}"
    return (
        f"{acknowledged}, then pulumi up, which makes the new one, then stop the service and copy "
        f"the data to {now} ({GUIDE})"
    )


def _carried(moved: MovedDatabase, before: str, now: str) -> str:
    """How the data gets the new name."""
    if moved.kind != "postgresql":
        return _copied(moved, now)
    commands = " ".join(
        f'-c \'ALTER {what} "{before}" RENAME TO "{now}"\'' for what in ("DATABASE", "ROLE")
    )
    return (
        f"stop the service, and rename it there as the user postgres: psql {commands}, then "
        f"acknowledge: homelab lock --move {moved.service}"
    )


@check("database-elsewhere")
def database_elsewhere(plan: Plan) -> Iterator[Problem]:
    """A service of the catalog connects to a database elsewhere only as its module can."""
    for service in plan.each_service():
        config, entry = service.config, service.entry
        if not isinstance(config, CatalogService):
            continue
        known = [*entry.database_elsewhere]
        for kind, stated in config.databases.items():
            where = f"services.{service.name}.databases.{kind}"
            own = original_entry(plan.stack, service.name, config) or entry
            if kind not in known:
                yield Problem(
                    where,
                    _without(service.name, own, kind),
                    f"write {known[0]} instead of {kind}" if known else "leave databases out",
                )
            elif own.database != kind:
                continue
            elif stated.host == service.host and len(plan.instances(service.name)) == 1:
                yield Problem(
                    f"{where}.host",
                    f"{service.name} is on {stated.host} too, and has its database there already",
                    "leave databases out, or name another host",
                )


def _without(name: str, entry: Entry, kind: str) -> str:
    if entry.database == "sqlite":
        why = entry.database_fixed or "no server has it"
        return f"the database of {name} is a file, SQLite: {why}"
    if entry.database == kind and entry.database_fixed:
        return f"the database of {name} stays on its host: {entry.database_fixed}"
    if entry.database == kind:
        return f"the facts of {name} do not say how it connects to another host"
    return f"{name} has no database of the kind {kind}"
