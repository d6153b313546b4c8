"""Checks that a unit's program gets its port and the paths of its datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.catalog import find
from homelab.catalog.model import Entry
from homelab.catalog.references import WEB, references, roles_of
from homelab.check import check
from homelab.config.services import extends_of
from homelab.nested import scalars, texts
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.misread import read_fields
from homelab.services.model import Service
from homelab.services.uses import linking_values


@check("unit-told", severity="warning")
def unit_told(plan: Plan) -> Iterator[Problem]:
    """Proxy, firewall and health check use a port on which no program listens, and a program does
    not find its data, if its command does not say them: a unit gets no options of an entry.
    """
    for service in plan.each_service():
        if service.unit is None:
            continue
        entry = find(extends_of(service.config)) if extends_of(service.config) else None
        stated = service.config.port
        if stated is not None and not _has_port(service, stated, entry):
            variable = _variable(entry) or "PORT"
            yield Problem(
                service.at("port"),
                f"nothing tells the program of {service.name} to listen on {stated}",
                'write "{port}" in unit.command, or in a variable that it reads: unit.environment: '
                f'{{{variable}: "{{port}}"}}',
            )
        for role in _missing(plan, service, entry):
            yield Problem(
                service.at(f"datasets.{role}"),
                f"nothing tells the program of {service.name} the path of this dataset",
                f'write "{{dataset[{role}]}}" in unit.command or unit.environment',
            )


def _has_port(service: Service, port: int, entry: Entry | None) -> bool:
    """Whether the program gets its port, or listens there by itself as its entry says."""
    default = entry.ports.get(WEB) if entry is not None else None
    if default is not None and default.port == port:
        return True
    for _, value in linking_values(service.config):
        for word, named in references(value):
            if word == "$port" or (
                word == "$text" and any(f.written == "port" for f in read_fields(str(named)))
            ):
                return True
    number = re.compile(rf"(?<![0-9]){port}(?![0-9])")
    values = _passed(service)
    return any(number.search(text) for text in texts(values)) or port in (
        v for v in scalars(values) if isinstance(v, int)
    )


def _passed(service: Service) -> list[object]:
    """What the program gets: options and templates of its command, and its files."""
    files = service.unit.templates.values() if service.unit is not None else ()
    return [*(v for _, v in linking_values(service.config)), *(f.content for f in files)]


def _missing(plan: Plan, service: Service, entry: Entry | None) -> Iterator[str]:
    """Roles whose path the module of the entry gets as an option, and the unit does not get. An app
    like Radarr asks for its folders in its own pages; its entry has no such option.
    """
    if entry is None:
        return
    values = _passed(service)
    named = {role for value in values for role in roles_of(value)}
    passed = dict.fromkeys(role for value in entry.options.values() for role in roles_of(value))
    for role in passed:
        name = service.datasets.get(role)
        path = next((d.path for d in plan.datasets if d.name == name), None)
        if path is not None and role not in named and not any(path in t for t in texts(values)):
            yield role


def _variable(entry: Entry | None) -> str:
    """The environment variable with which the entry sets the port; empty if it sets none."""
    for option, value in entry.options.items() if entry is not None else ():
        *above, last = option.split(".")
        if "nvironment" in "".join(above):
            variables: Mapping[str, object] = {last: value}
        elif "nvironment" in last and isinstance(value, Mapping):
            variables = {str(k): v for k, v in value.items()}
        else:
            continue
        for name, inner in variables.items():
            if any(r in (("$port", WEB), ("$text", "{port}")) for r in references(inner)):
                return name
    return ""
