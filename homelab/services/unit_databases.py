"""Databases of a unit: on its host, reached through Unix sockets as the user of the unit, without a
password. Source: the modules `postgresql`, `mysql` and `redis` of nixpkgs.
"""

from __future__ import annotations

from homelab.config.unit import Unit
from homelab.nix import Attrs, Nix, Raw, attrs, merge
from homelab.services.command import command_line
from homelab.services.model import Service

_READY = ("postgresql.target", "25.11")
"""What waits until databases and roles exist, and its first release; before, the unit itself."""


def databases(service: Service, config: Unit) -> Attrs:
    """The options of its databases, and what its unit needs to reach them."""
    makers = {"postgresql": _postgresql, "mysql": _mysql, "redis": _redis}
    return merge(*(makers[kind](service, config) for kind in config.databases))


def database_units(service: Service, config: Unit) -> tuple[str, ...]:
    """The units of its databases alone; every unit of a host shares the servers of the others."""
    found = [_redis_unit(service)] if "redis" in config.databases else []
    return (*found, *([_extensions_unit(service)] if config.extensions else ()))


def database_users(service: Service, config: Unit) -> tuple[str, ...]:
    """The users of its databases: that of its Redis, and its own, which the others know it by."""
    redis = (_redis_unit(service),) if "redis" in config.databases else ()
    return (*redis, role_of(service)) if config.databases else ()


def _redis_unit(service: Service) -> str:
    return f"redis-{service.name}"


def _extensions_unit(service: Service) -> str:
    return f"{service.name}-extensions"


def role_of(service: Service) -> str:
    """Name of its databases, and of their owner: the user of the unit."""
    return service.entry.user or service.name


def _postgresql(service: Service, config: Unit) -> Attrs:
    name = role_of(service)
    ready = _READY[0] if service.release >= _READY[1] else "postgresql.service"
    created = attrs(
        "services.postgresql",
        {
            "enable": True,
            "ensureDatabases": [name],
            "ensureUsers": [{"name": name, "ensureDBOwnership": True}],
        },
    )
    if not config.extensions:
        return merge(created, _waits(service, ready))
    unit = _extensions_unit(service)
    psql = (Raw("config.services.postgresql.package"), "/bin/psql")
    words: list[list[str | Raw]] = [[*psql], ["--set"], ["ON_ERROR_STOP=1"]]
    words += [["--dbname"], [name]]
    for extension in config.extensions:
        words += [["--command"], [f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE']]
    needed: list[Nix] = [ready]
    body: Attrs = {
        "description": f"Extensions of the database of {service.name}",
        "after": needed,
        "requires": needed,
        "serviceConfig": {
            "Type": "oneshot",
            "RemainAfterExit": True,
            # Only the superuser may create most of them.
            "User": "postgres",
            "ExecStart": command_line(words),
        },
    }
    return merge(
        created, attrs(f'systemd.services."{unit}"', body), _waits(service, f"{unit}.service")
    )


def _mysql(service: Service, config: Unit) -> Attrs:
    name = role_of(service)
    grants: Attrs = {f"`{name}`.*": "ALL PRIVILEGES"}
    return merge(
        attrs(
            "services.mysql",
            {
                "enable": True,
                "package": Raw("pkgs.mariadb"),
                "ensureDatabases": [name],
                "ensureUsers": [{"name": name, "ensurePermissions": grants}],
                # MariaDB listens on every address by default.
                "settings": {"mysqld": {"bind-address": "127.0.0.1"}},
            },
        ),
        _waits(service, "mysql.service"),
    )


def _redis(service: Service, config: Unit) -> Attrs:
    # The module names the unit, the user and the group alike.
    group: list[Nix] = [_redis_unit(service)]
    return merge(
        attrs(f'services.redis.servers."{service.name}"', {"enable": True, "port": 0}),
        attrs(f'systemd.services."{service.name}".serviceConfig.SupplementaryGroups', group),
        _waits(service, f"{_redis_unit(service)}.service"),
    )


def _waits(service: Service, unit: str) -> Attrs:
    needed: list[Nix] = [unit]
    return attrs(f'systemd.services."{service.name}"', {"after": needed, "requires": needed})
