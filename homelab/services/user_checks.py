"""Checks of the accounts that units of homelab run as."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.upstream import release_of
from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.services.unit_checks import OF_SYSTEM, written_units
from homelab.system.accounts import SYSTEM

_LONGEST = 31
"""Length of a user's name. systemd gives a dynamic user of a longer one another name."""
_SERVERS = {"mysql": "MySQL", "postgres": "PostgreSQL"}
"""Accounts that may do everything with the databases of a host, and their servers."""


@check("unit-user")
def unit_user(plan: Plan) -> Iterator[Problem]:
    """A program that runs as an account of the system or of the databases has the rights of that
    account. systemd makes no dynamic user whose name an account has: it takes the account.
    """
    for service in written_units(plan):
        user = service.entry.user
        if user in SYSTEM.union(_SERVERS) - {"root"}:
            yield Problem(
                service.at("unit.user"),
                f"{user} is the account of {_SERVERS[user]}, which may change every database of "
                "the host"
                if user in _SERVERS
                else f"{user} is an account of the system",
                f"leave it out, or write user: {service.name}",
            )
        own = [d for d in service.databases if d.by_socket]
        users = [n for d in own for n in (d.redis_unit, d.name) if n]
        if long := next((user for user in users if len(user) > _LONGEST), ""):
            yield Problem(
                f"services.{service.name}",
                f"the user {long} of its databases has {len(long)} characters, and a user of "
                f"Linux at most {_LONGEST}",
                "give the service a shorter name",
            )
        if not service.entry.dynamic_user:
            continue
        accounts = {s.host: _accounts(plan, s) for s in plan.instances(service.name)}
        # `unit-name` reports the name of a unit of the system.
        for unit in sorted({*service.units, *service.entry.helpers} - OF_SYSTEM):
            of = next((found[unit] for found in accounts.values() if unit in found), "")
            if of:
                yield Problem(
                    f"services.{service.name}",
                    f"{unit} is an account of {of}, and {unit}.service would run as it",
                    "give the service another name",
                )


@check("unit-account", severity="warning")
def unit_account(plan: Plan) -> Iterator[Problem]:
    """A program that runs as the account of another service may read and change all of its data and
    secrets. Two units share an account if both name it.
    """
    for service in written_units(plan):
        user = service.entry.user
        owners = sorted(
            other.name
            for instance in plan.instances(service.name)
            for other in plan.on(instance.host)
            if other.name != service.name and user in _own_accounts(other)
        )
        if user and user != "root" and owners:
            yield Problem(
                service.at("unit.user"),
                f"{user} is the account of {owners[0]}, so {service.name} may read and change all "
                f"that {owners[0]} stores",
                f"leave it out, or write user: {service.name}; data that both need can be a "
                "dataset of both",
            )


def _own_accounts(service: Service) -> set[str]:
    """The accounts that a service has because of what it is, and not because its unit names one."""
    if service.writes_unit:
        return set()
    return _of_service(service) | ({*service.units} if service.entry.dynamic_user else set())


def _of_service(service: Service) -> set[str]:
    """The accounts of a service that are no dynamic user's."""
    names = {service.entry.user}
    for module in service.modules:
        facts = release_of(module, service.release)
        names |= {*facts.users} if facts is not None else set()
    return names


def _accounts(plan: Plan, service: Service) -> dict[str, str]:
    """The accounts of the service's host that are no dynamic user's, with what they belong to."""
    found = dict.fromkeys(SYSTEM, "the system")
    found |= {user: f"{server}, which has the databases" for user, server in _SERVERS.items()}
    for other in plan.on(service.host):
        # `harden-unit-known` reports a service with the same unit.
        for name in _of_service(other) - {"", *other.units}:
            found.setdefault(name, other.name)
    return found
