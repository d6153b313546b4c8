"""Checks of sandboxes: each service has one, and each exception has an effect and a reason."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.upstream.ask import release_of
from homelab.check import check
from homelab.hardening.baseline import HIDDEN, HOMES, NAMES
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declared_options
from homelab.services.model import Service


@check("harden-intent")
def intent(plan: Plan) -> Iterator[Problem]:
    """A unit without hardening settings is open to the host or fails at its first write: it needs
    the paths that it may write, or a reason for running without a sandbox.
    """
    for service in plan.each_service():
        harden = service.harden
        where = service.at("harden")
        if not service.units and not (service.entry.hardening.exempt or harden.exempt):
            yield Problem(
                where,
                "its systemd unit is unknown, so it gets no sandbox",
                "name its unit, or give the reason why it is exempt: {exempt: …}",
            )
        beside = [k for k in ("relax", "read_only", "read_write") if getattr(harden, k)]
        if harden.exempt and beside:
            yield Problem(
                where,
                "an exempt service has no sandbox to relax or to bind into",
                f"drop {' and '.join(beside)}, or drop exempt",
            )
        if service.flake is not None and not _says_what_it_writes(service):
            yield Problem(
                where,
                "no directory is named that its unit may write, and the baseline allows none",
                "add state: with its directories, harden: {read_write: […]}, or backup: {skip: …} "
                "if it stores nothing",
                cause=service.at("state"),
            )


def _says_what_it_writes(service: Service) -> bool:
    config, harden = service.config, service.harden
    return bool(
        config.state
        or harden.read_write
        or harden.exempt
        or "protect-system" in harden.relax
        or config.backup.skip
    )


@check("harden-exception")
def exception(plan: Plan) -> Iterator[Problem]:
    """An exception without an effect, or one that opens everything, leaves the unit unprotected."""
    for service in plan.each_service():
        harden = service.harden
        where = service.at("harden")
        if service.entry.hardening.exempt and (
            harden.relax or harden.read_only or harden.read_write
        ):
            yield Problem(
                where,
                f"it has no sandbox to relax: {service.entry.hardening.exempt}",
                "drop harden:",
            )
        for name in sorted(harden.relax):
            if name not in NAMES:
                yield Problem(
                    f"{where}.relax.{name}",
                    "the baseline has no such part",
                    did_you_mean(name, NAMES, "parts"),
                )
        for kind in ("read_only", "read_write"):
            for path in getattr(harden, kind):
                if path.rstrip("/") in ("", *HIDDEN, *HOMES):
                    yield Problem(
                        f"{where}.{kind}",
                        f"{path} would open everything that the sandbox hides",
                        "name the directories that it needs",
                    )


@check("harden-unit-known")
def unit_known(plan: Plan) -> Iterator[Problem]:
    """Settings for a unit that does not exist cause no error, so a misspelt name leaves the unit
    unprotected.
    """
    for service in plan.each_service():
        flake = service.flake
        if flake is not None and flake.unit.endswith(".service"):
            yield Problem(
                service.at("flake.unit"),
                f'"{flake.unit}" would become {flake.unit}.service',
                f'write "{flake.unit.removesuffix(".service")}"',
            )
        for option in declared_options(service.config):
            name = _unit_of(option.path)
            known = _units(service) if name and name not in service.units else (name,)
            if name not in known:
                yield Problem(
                    service.at("options"),
                    f'"{option.key}": {service.name} has no unit "{name}"',
                    did_you_mean(name, known, "units"),
                )
    # container-name reports two containers with one name.
    containers = {part.unit for service in plan.services for part in service.parts}
    owners: dict[tuple[str, str], str] = {}
    entries = {(s.name, s.host): s.entry.name for s in plan.services}
    twice: set[tuple[str, str]] = set()
    for unit in plan.hardening:
        other = owners.setdefault((unit.host, unit.unit), unit.service)
        if other == unit.service or unit.unit in containers:
            continue
        entry = entries[(unit.service, unit.host)]
        if entry == entries[(other, unit.host)]:
            if (unit.service, unit.host) not in twice:
                twice.add((unit.service, unit.host))
                yield Problem(
                    unit.source,
                    f"{other} and {unit.service} are both {entry} on {unit.host}, and its NixOS "
                    "module runs one instance",
                    f"run {unit.service} on another host, services.{unit.service}.host; or leave "
                    f"service out and write extends: {entry}, with container: or with unit: "
                    "{package: …, command: […]}",
                    cause=f"{unit.source}.service",
                )
        else:
            yield Problem(
                unit.source,
                f'"{unit.unit}" is the unit of {other} too, on {unit.host}',
                "give one of them another unit, flake: {unit: …}, another name, or another host",
            )


def _unit_of(path: tuple[str, ...]) -> str:
    """The unit whose sandbox or settings an option changes; empty for other options."""
    if path[:3] == ("homelab", "hardening", "units"):
        return path[3] if len(path) > 3 else ""
    is_unit = path[:2] == ("systemd", "services") and path[3:4] == ("serviceConfig",)
    return path[2] if is_unit else ""


def _units(service: Service) -> tuple[str, ...]:
    """Every unit of a service: those with a sandbox, and the others that its module creates."""
    made = [release_of(module, service.release) for module in service.modules]
    others = (u for facts in made if facts for u in facts.units if "{" not in u)
    return tuple(dict.fromkeys((*service.units, *service.entry.helpers, *others)))
