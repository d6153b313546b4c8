"""Rules about NixOS options that the stack config says of a service."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.services.options import clashes, misread
from homelab.services.said import said_of


@check("option-word", rows="S0-05 S0-09")
def option_word(plan: Plan) -> Iterator[Problem]:
    """A word such as `$secret` stands for what the plan knows; one that names nothing would reach
    the host as it is written.
    """
    for service in plan.services:
        for path, value in sorted(service.config.options.items()):
            for what, way_out in misread(value, plan, service):
                yield Problem(_where(service, path), what, way_out)


@check("option-path", rows="S0-09 S0-71")
def option_path(plan: Plan) -> Iterator[Problem]:
    """An option is named by its full path, and said once: of two values none is right."""
    for service in plan.services:
        for path, what, way_out in clashes(service):
            yield Problem(_where(service, path), what, way_out)


@check("option-conflict", rows="S0-09 S0-71")
def option_conflict(plan: Plan) -> Iterator[Problem]:
    """Options of all services of a host become one system: of two values of one option, said by two
    services, NixOS takes neither.
    """
    for host in plan.hosts:
        first: dict[tuple[str, ...], tuple[str, object]] = {}
        for service in plan.on(host):
            for said in said_of(service.config):
                if isinstance(said.value, list | Mapping):
                    continue  # Lists join, and what a word becomes differs by service.
                name, value = first.setdefault(said.path, (service.name, said.value))
                if name != service.name and (type(value), value) != (type(said.value), said.value):
                    yield Problem(
                        _where(service, said.key),
                        f"{said.name} has another value in the options of {name}, on {host} too",
                        "leave it out of one of them",
                    )


@check("option-value", rows="S0-09")
def option_value(plan: Plan) -> Iterator[Problem]:
    """Nix holds numbers of 64 bits; another, or what is nested without end, makes a file that it
    cannot read.
    """
    for service in plan.services:
        for path, value in sorted(service.config.options.items()):
            for what in sorted(set(_unfit(value, 0))):
                yield Problem(_where(service, path), what, "write what the option takes")


_DEEPEST = 40
_LIMIT = 2**63


def _unfit(value: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield f"it is nested more than {_DEEPEST} levels deep"
    elif isinstance(value, str | bool) or value is None:
        return
    elif isinstance(value, int):
        if not -_LIMIT <= value < _LIMIT:
            yield "a number in it does not fit into 64 bits"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield "a number in it is no number"
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _unfit(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _unfit(inner, depth + 1)


def _where(service: Service, path: str) -> str:
    return f"services.{service.name}.options" + (f".{path}" if path else "")


@check("option-state", rows="S0-32 S0-77")
def option_state(plan: Plan) -> Iterator[Problem]:
    """State that an option moves is kept where that says; where nobody can read it, the backup
    would keep the old directory.
    """
    for service in plan.services:
        if service.is_custom:
            continue
        for said in said_of(service.config):
            if said.name == "services.postgresql.dataDir":
                yield Problem(
                    _where(service, said.key),
                    "this moves the databases of every service of the host, and neither the lock "
                    "nor what survives a restart follows",
                    "leave it out, and mount a disk at /var/lib/postgresql instead",
                )
            elif said.name in service.entry.state_at and not isinstance(said.value, str):
                yield Problem(
                    _where(service, said.key),
                    f"{said.name} says where the state of {service.name} lies, and backups have to "
                    "know that place",
                    "write the directory as plain text: /var/lib/…",
                )
