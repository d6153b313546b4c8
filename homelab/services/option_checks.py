"""Checks of the NixOS options in a service's `options`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.nested import texts
from homelab.plan import Plan
from homelab.problems import Choice, Problem
from homelab.services.declared import declared_options
from homelab.services.limits import unit_limits
from homelab.services.misread import misread, misread_text
from homelab.services.model import Service
from homelab.services.options import clashes
from homelab.services.run_flags import flags
from homelab.services.uses import texts_of


@check("option-word")
def option_word(plan: Plan) -> Iterator[Problem]:
    """A reference such as `$secret` that names nothing would reach the host as plain text."""
    for service in plan.services:
        for path, value in sorted(service.config.options.items()):
            for what, way_out in misread(value, plan, service):
                # Without any port, the missing one is that of the service.
                no_port = isinstance(way_out, Choice) and way_out.plural.startswith("ports of ")
                no_web = not service.port and what.endswith("has no web port")
                cause = service.at("port") if no_web or (no_port and not service.ports) else ""
                yield Problem(_where(service, path), what, way_out, cause=cause)
        for place, text in texts_of(service.config):
            for what, way_out in misread_text(text, plan, service):
                yield Problem(service.at(place), what, way_out)


@check("option-path")
def option_path(plan: Plan) -> Iterator[Problem]:
    """Two values for one option conflict, and NixOS accepts neither."""
    for service in plan.services:
        for path, what, way_out in clashes(service):
            yield Problem(_where(service, path), what, way_out)
        yield from _above_limits(service)
        yield from _beside_limits(service)


def _beside_limits(service: Service) -> Iterator[Problem]:
    """Flags of Podman with the limits that the stack config has for the container: the one that
    comes last would hold.
    """
    wide = {"memory": ("-m", "--memory"), "cpus": ("--cpus",)}
    for opt in declared_options(service.config):
        for part in service.parts:
            path = ("virtualisation", "oci-containers", "containers", part.container)
            given = [*texts(opt.value)] if opt.path == (*path, "extraOptions") else []
            for field, names in wide.items():
                flag = next((f for f, _ in flags(given) if f in names), "")
                if flag and part.limits is not None and getattr(part.limits, field) is not None:
                    limit = "limits" if not part.name else f"{part.place}.limits"
                    yield Problem(
                        _where(service, opt.key),
                        f"{limit}.{field} limits {part.container}, and {flag} in {opt.name} does, "
                        "too",
                        f"leave {flag} out, or leave {service.at(f'{limit}.{field}')} out",
                    )


def _above_limits(service: Service) -> Iterator[Problem]:
    """Options with the limits that the stack config forces."""
    settings: dict[tuple[str, ...], str] = {
        ("systemd", "services", unit, "serviceConfig", name): limit.field
        for unit in service.units
        for name, limit in unit_limits(service).items()
    }
    for opt in declared_options(service.config):
        if field := settings.get(opt.path):
            yield Problem(
                _where(service, opt.key),
                f"limits.{field} sets {opt.name}, so this one has no effect",
                f"leave it out, or leave {service.at(f'limits.{field}')} out",
            )


@check("option-conflict")
def option_conflict(plan: Plan) -> Iterator[Problem]:
    """The options of all services of a host form one system: if two services set one option to
    different values, NixOS accepts neither.
    """
    for host in plan.hosts:
        first: dict[tuple[str, ...], tuple[str, object]] = {}
        for service in plan.on(host):
            for opt in declared_options(service.config):
                if isinstance(opt.value, list | Mapping):
                    continue  # Lists are joined, and references differ by service.
                name, value = first.setdefault(opt.path, (service.name, opt.value))
                if name != service.name and (type(value), value) != (type(opt.value), opt.value):
                    yield Problem(
                        _where(service, opt.key),
                        f"{opt.name} has another value in the options of {name}, also on {host}",
                        "leave it out of one of them",
                    )


@check("option-value")
def option_value(plan: Plan) -> Iterator[Problem]:
    """Nix cannot read a file with numbers of more than 64 bits or with too deep nesting."""
    for service in plan.services:
        for path, value in sorted(service.config.options.items()):
            for what in sorted(set(_unfit(value, 0))):
                yield Problem(_where(service, path), what, "write a value that the option accepts")


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
            yield "a number in it is infinite or not a number"
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _unfit(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _unfit(inner, depth + 1)


def _where(service: Service, path: str) -> str:
    return f"services.{service.name}.options" + (f".{path}" if path else "")


_DATABASES = {f"services.{n}.dataDir": f"/var/lib/{n}" for n in ("postgresql", "mysql")}
"""Options that move the databases of the host, and the directory that each moves."""


@check("option-state")
def option_state(plan: Plan) -> Iterator[Problem]:
    """Backups follow an option that moves state; if its value cannot be read, they would keep the
    old directory.
    """
    for service in plan.services:
        if service.is_made:
            continue
        moves = {**service.entry.state_at, **service.entry.state_file_at}
        for option in declared_options(service.config):
            if option.name in _DATABASES:
                yield Problem(
                    _where(service, option.key),
                    "this moves the databases of every service of the host, and neither the lock "
                    "nor persistence follows",
                    f"leave it out, and mount a disk at {_DATABASES[option.name]} instead",
                )
            elif option.name in moves and not isinstance(option.value, str):
                yield Problem(
                    _where(service, option.key),
                    f"{option.name} sets the state directory of {service.name}, and backups need "
                    "that path",
                    "write the directory as plain text: /var/lib/…",
                )
            elif option.name in moves and option.value and not str(option.value).startswith("/"):
                yield Problem(
                    _where(service, option.key),
                    f'{option.name} is "{option.value}", and a directory of the host starts with /',
                    "write its whole path: /var/lib/…",
                )
