"""Databases as NixOS options: servers, roles, extensions and passwords on their host, and what the
units of services need to reach them. Source: the modules `postgresql`, `mysql` and `redis` of
nixpkgs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from importlib import resources

from homelab.databases.extensions import PACKAGES
from homelab.databases.model import Database
from homelab.databases.plan import plain_env
from homelab.hardening.baseline import sandbox
from homelab.network.between import path_between
from homelab.network.model import LOOPBACK, TAILNET_NETWORK
from homelab.nix import After, Attrs, Function, Lines, Module, Nix, Raw, Script, Text, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.services.command import variable
from homelab.services.model import Service
from homelab.system.model import Host

_READY = ("postgresql.target", "25.11")
"""What waits until databases and roles exist, and its first release; before, the unit itself."""
_SCRIPT = "lib/database-password.sh"
_SHELL = (resources.files("homelab.databases") / "password.sh").read_text(encoding="utf-8")
_EXTENSIONS = "lib/database-extensions.sh"
_CREATE = (resources.files("homelab.databases") / "extensions.sh").read_text(encoding="utf-8")
_OWNER = "lib/database-owner.sh"
_GIVE = (resources.files("homelab.databases") / "owner.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`databases.nix`, on a host with databases of services, or with services that have some."""
    here = plan.databases_on(host.name)
    callers = [s for s in plan.on(host.name) if s.databases]
    if not here and not callers:
        return
    yield Module(
        "databases.nix",
        "Databases of services: servers, roles, and what the services need to reach them",
        derived=merge(
            _postgresql(plan, [d for d in here if d.kind == "postgresql"]),
            _mysql([d for d in here if d.kind == "mysql"]),
            *(_redis(d) for d in here if d.kind == "redis"),
            *(_extensions(host, d) for d in _each(here) if d.extensions),
            *(_owner(host, d) for d in _each(here) if d.further),
            *(_password(host, d) for d in _each(here) if d.password_unit),
            *(_caller(host, s) for s in callers),
        ),
        extra=(
            *(((_SCRIPT, _SHELL),) if any(d.password_unit for d in here) else ()),
            *(((_EXTENSIONS, _CREATE),) if any(d.extensions for d in here) else ()),
            *(((_OWNER, _GIVE),) if any(d.further for d in here) else ()),
        ),
    )


def _each(databases: tuple[Database, ...]) -> Iterator[Database]:
    """Each database once: instances of a service on several hosts share one."""
    yield from {(d.service, d.kind, d.name): d for d in reversed(databases)}.values()


def _over_network(databases: list[Database]) -> bool:
    """Whether anything else than the host itself connects."""
    return any(d.is_remote or d.bridge for d in databases)


def _postgresql(plan: Plan, databases: list[Database]) -> Attrs:
    if not databases:
        return {}
    names = sorted({d.name for d in databases})
    settings: Attrs = {
        "enable": True,
        "ensureDatabases": [*sorted({name for d in databases for name in d.names})],
        "ensureUsers": [{"name": name, "ensureDBOwnership": True} for name in names],
    }
    packages = {e: PACKAGES[e] for d in databases for e in sorted(d.extensions) if e in PACKAGES}
    if packages:
        # Another module of the host may add packages and libraries of its own.
        added: list[Nix] = [Raw(f"ps.{p.attribute}") for _, p in sorted(packages.items())]
        settings["extensions"] = After(Function("ps", added))
        libraries: list[Nix] = [p.library for _, p in sorted(packages.items()) if p.library]
        if libraries:
            settings["settings"] = {"shared_preload_libraries": After(libraries)}
    if _over_network(databases):
        rules = sorted({r for d in databases for r in _rules(plan, d)})
        settings["enableTCPIP"] = True
        settings["authentication"] = Lines("".join(f"{rule}\n" for rule in rules))
    return attrs("services.postgresql", settings)


def _rules(plan: Plan, database: Database) -> Iterator[str]:
    """Who may connect to a database from where. The module lets passwords in from the host itself.

    The firewall admits only the hosts and the bridges that call it.
    """
    named = ",".join(f'"{name}"' for name in database.names)
    head, end = f'host {named} "{database.name}"', "scram-sha-256"
    if database.is_remote:
        path = path_between(plan.stack, database.caller, database.host)
        address = path.caller if path is not None else ""
        network = f"{address}/32" if address else TAILNET_NETWORK
        yield f"{head} {network} {end}"
    elif database.bridge:
        # The networks of the host's interfaces: Podman chooses that of its bridge.
        yield f"{head} samenet {end}"


def _mysql(databases: list[Database]) -> Attrs:
    if not databases:
        return {}
    roles = sorted({d.name for d in databases if d.by_socket})
    users: list[Nix] = [
        {"name": name, "ensurePermissions": {f"`{name}`.*": "ALL PRIVILEGES"}} for name in roles
    ]
    # MariaDB listens on every address by default.
    bind = "0.0.0.0" if _over_network(databases) else LOOPBACK  # noqa: S104 - behind the firewall
    settings: Attrs = {
        "enable": True,
        "package": Raw("pkgs.mariadb"),
        "ensureDatabases": [*sorted({d.name for d in databases})],
        "settings": {"mysqld": {"bind-address": bind}},
    }
    if users:
        settings["ensureUsers"] = users
    return attrs("services.mysql", settings)


def _redis(database: Database) -> Attrs:
    settings: Attrs = {"enable": True, "port": database.port}
    if not database.by_socket:
        is_near = not (database.is_remote or database.bridge)
        settings["bind"] = LOOPBACK if is_near else None
        settings["requirePassFile"] = _stored(database)
    return attrs(f'services.redis.servers."{database.service}"', settings)


def _stored(database: Database) -> str:
    """Path of the password on the host of the database."""
    return secret_path(database.service, database.password_name, "derived", "file")


def _ready(host: Host, database: Database) -> str:
    if database.kind == "postgresql":
        return _READY[0] if host.release >= _READY[1] else "postgresql.service"
    return f"{database.redis_unit or database.kind}.service"


def _extensions(host: Host, database: Database) -> Attrs:
    words = (
        f"+{e}" if e in PACKAGES and PACKAGES[e].is_rebuilt else e for e in database.extensions
    )
    what = f"Extensions of the database of {database.service}"
    # Only the superuser may create most of them.
    unit = _as_superuser(host, database, what, _EXTENSIONS, (database.name, *words))
    return attrs(f'systemd.services."{database.extensions_unit}"', unit)


def _owner(host: Host, database: Database) -> Attrs:
    what = f"Owner of the further databases of {database.service}"
    unit = _as_superuser(host, database, what, _OWNER, database.names)
    return attrs(f'systemd.services."{database.owner_unit}"', unit)


def _as_superuser(
    host: Host, database: Database, what: str, script: str, words: Iterable[str]
) -> Attrs:
    """A unit that runs a script with these arguments as the superuser of PostgreSQL."""
    return merge(
        _setup(host, database, what),
        {
            "path": [Raw("config.services.postgresql.package")],
            "script": Script.of(". ", Raw(f"./{script}"), f" {shlex.join(words)}\n"),
            "serviceConfig": {"User": "postgres", **sandbox()},
        },
    )


def _password(host: Host, database: Database) -> Attrs:
    is_mysql = database.kind == "mysql"
    words = shlex.join((database.kind, database.name))
    body = _setup(host, database, f"Password of {database.service} in {database.kind}")
    config: Attrs = {
        "LoadCredential": [f"password:{_stored(database)}"],
        "User": "root" if is_mysql else "postgres",
        **sandbox(),
    }
    program = Raw(f"config.services.{database.kind}.package")
    return attrs(
        f'systemd.services."{database.password_unit}"',
        merge(
            body,
            {
                "path": [program],
                "script": Script.of(". ", Raw(f"./{_SCRIPT}"), f" {words}\n"),
                "serviceConfig": config,
            },
        ),
    )


def _setup(host: Host, database: Database, description: str) -> Attrs:
    """A unit that runs once the database exists. A service of another host does not start it."""
    ready: list[Nix] = [_ready(host, database)]
    body: Attrs = {
        "description": description,
        "after": ready,
        "requires": ready,
        "serviceConfig": {"Type": "oneshot", "RemainAfterExit": True},
    }
    return merge(body, {"wantedBy": ["multi-user.target"]} if database.is_remote else {})


# --- the service ---------------------------------------------------------------------------------


def _caller(host: Host, service: Service) -> Attrs:
    """What the units of a service need: their databases first, and variables."""
    needed: list[Nix] = [*dict.fromkeys(_awaited(host, service))]
    waits: Attrs = {"after": needed, "requires": needed} if needed else {}
    groups: list[Nix] = [d.redis_unit for d in service.databases if d.redis_unit and d.by_socket]
    if groups:
        # The module names the unit, the user and the group alike.
        waits = merge(waits, attrs("serviceConfig.SupplementaryGroups", groups))
    units = [p.unit for p in service.parts] or [*service.units[:1]]
    variables = {name: variable([text]) for name, text in plain_env(service.databases)}
    return merge(
        *(attrs(f'systemd.services."{unit}"', waits) for unit in units if waits),
        _patient(service),
        _environment(service, variables) if variables else {},
    )


def _patient(service: Service) -> Attrs:
    """Further attempts of the units of a NixOS module whose database is on another host: after a
    power cut, that host may start later.
    """
    away = [
        d for d in service.databases if d.is_remote and d.kind in service.entry.database_elsewhere
    ]
    again: Attrs = {"Restart": "on-failure", "RestartSec": "30s"}
    units = (*service.units, *service.entry.helpers) if away else ()
    return merge(*(attrs(f'systemd.services."{unit}".serviceConfig', again) for unit in units))


def _environment(service: Service, variables: dict[str, Text]) -> Attrs:
    values: Attrs = {**variables}
    if service.parts:
        container = f'virtualisation.oci-containers.containers."{service.parts[0].container}"'
        return attrs(container, {"environment": values})
    return attrs(f'systemd.services."{service.units[0]}"', {"environment": values})


def _awaited(host: Host, service: Service) -> Iterator[str]:
    for database in service.databases:
        if not database.is_remote:
            after = (database.extensions_unit, database.owner_unit, database.password_unit)
            units = [f"{u}.service" for u in after if u]
            yield from units or [_ready(host, database)]
