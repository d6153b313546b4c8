"""A unit of homelab's own: a command of a package, with its user, state, times and failures."""

from __future__ import annotations

from collections.abc import Sequence

from homelab.config.unit import FlakePackage, Unit
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Nix, Pkg, Raw, attrs, merge
from homelab.nix.printer import attribute
from homelab.plan import Plan
from homelab.services.command import Part, command_line, variable
from homelab.services.misread import misread_template
from homelab.services.model import Service
from homelab.services.templates import fill_text
from homelab.services.unit_templates import TEMPLATES, directory, passed

PACKAGE = "package"
"""Field of a template that is the path of the package."""
_MARK = "\0"
"""Stands for the package until the text is split. No text of a stack config contains it."""
_STATE, _PRIVATE = "/var/lib/", "/var/lib/private/"
_RESTART = {"always": "always", "on-failure": "on-failure", "never": "no"}


def unit(plan: Plan, service: Service, config: Unit) -> Attrs:
    """The options of a service's unit. Templates that the checks refuse are left out."""
    name, entry = service.name, service.entry
    settings: Attrs = {
        "ExecStart": command_line(_words(plan, service, config)),
        **run_as(entry.user, name),
        **state_directories(service),
    }
    if entry.hardening.capabilities:
        # The sandbox allows a capability; a program that does not start as root also needs it.
        settings["AmbientCapabilities"] = [*entry.hardening.capabilities]
    if config.working_directory is not None:
        settings["WorkingDirectory"] = config.working_directory
    body: Attrs = {
        "description": entry.summary or entry.title,
        **ordered(plan, service, config.after),
        **_started(plan, service, config, settings),
        "serviceConfig": settings,
    }
    variables = {
        key: variable(parts)
        for key, text in sorted(config.environment.items())
        if (parts := _filled(plan, service, config, text)) is not None
    }
    if variables:
        body["environment"] = variables
    if config.path:
        body["path"] = [Pkg(package) for package in config.path]
    return merge(
        {"systemd": {"services": {name: body}}},
        timed(name, config.schedule) if config.schedule is not None else {},
        account(entry.user),
        passed(service),
    )


def run_as(user: str, unit: str) -> Attrs:
    """The user of a unit: a named one, or a dynamic one with the name of the unit."""
    return {"User": user, "Group": user} if user else {"DynamicUser": True}


def account(user: str) -> Attrs:
    """The system user that a unit runs as. The user root and a dynamic one need none."""
    if user in ("", "root"):
        return {}
    return merge(
        attrs(f"users.users.{user}", {"isSystemUser": True, "group": user}),
        attrs(f"users.groups.{user}", {}),
    )


def state_directories(service: Service) -> Attrs:
    """State below /var/lib, which systemd creates for the user of the unit."""
    top = _PRIVATE if service.entry.dynamic_user else _STATE
    names: list[Nix] = [
        for_systemd(path.removeprefix(top).rstrip("/"))
        for path in service.state
        if path.startswith(top)
    ]
    return {"StateDirectory": names, "StateDirectoryMode": "0700"} if names else {}


def ordered(plan: Plan, service: Service, after: Sequence[str]) -> Attrs:
    """Start order: after the network, and after the services that are named."""
    before = [f"{u}.service" for s in plan.on(service.host) if s.name in after for u in s.units]
    units: list[Nix] = ["network-online.target", *before]
    return {"after": units, "wants": units}


def reported(plan: Plan, host: str) -> Attrs:
    """The alert that a failed unit sends, on a host that has the unit `notify@`."""
    sends = host in plan.alert_hosts and plan.hosts[host].config.manages("monitoring")
    return {"onFailure": ["notify@%N.service"]} if sends else {}


def timed(unit: str, schedule: str) -> Attrs:
    """The timer of a unit."""
    body: Attrs = {
        "wantedBy": ["timers.target"],
        "timerConfig": {"OnCalendar": schedule, "Persistent": True},
    }
    return {"systemd": {"timers": {unit: body}}}


def tried_again(
    plan: Plan, host: str, service: Service | None, *, tries: int = 12, seconds: int = 600
) -> Attrs:
    """How often systemd starts a failed unit again: without end if a health check reports the
    service, or if nobody would get the alert. Otherwise it gives up after so many tries in so many
    seconds, because only then systemd starts what `onFailure` names.
    """
    monitoring, report = plan.monitoring, reported(plan, host)
    watched = service and monitoring and service.source in monitoring.watched
    if watched or not report:
        return {"startLimitIntervalSec": 0}
    return {**report, "startLimitBurst": tries, "startLimitIntervalSec": seconds}


def _started(plan: Plan, service: Service, config: Unit, settings: Attrs) -> Attrs:
    if config.schedule is not None:
        settings["Type"] = "oneshot"
        # A switch would stop a job that runs, start it again, and wait for its end.
        return {**reported(plan, service.host), "restartIfChanged": False}
    settings |= {"Restart": _RESTART[config.restart], "RestartSec": "5s"}
    if config.restart == "never":
        return {"wantedBy": ["multi-user.target"], **reported(plan, service.host)}
    return {"wantedBy": ["multi-user.target"], **tried_again(plan, service.host, service)}


def _words(plan: Plan, service: Service, config: Unit) -> list[list[Part]]:
    out = []
    for index, text in enumerate(config.command):
        parts = _filled(plan, service, config, text)
        if parts is None:
            continue
        if index == 0 and not text.startswith(("/", f"{{{PACKAGE}}}")):
            out.append([Raw(f"lib.getBin {_expression(config)}"), "/bin/", *parts])
        else:
            out.append(parts)
    return out


def _filled(plan: Plan, service: Service, config: Unit, text: str) -> list[Part] | None:
    """A template as parts; None if a check refuses it, or the service lacks its dataset."""
    if any(misread_template(text, plan, service, further=(PACKAGE, TEMPLATES))):
        return None
    further = {PACKAGE: _MARK, TEMPLATES: directory(service)}
    filled = fill_text(text, plan, service, further)
    if filled is None:
        return None
    parts: list[Part] = []
    for index, piece in enumerate(filled.split(_MARK)):
        parts += [_package(config)] if index else []
        parts += [piece] if piece else []
    return parts


def _package(config: Unit) -> Pkg | Raw:
    package = config.package
    if isinstance(package, FlakePackage):
        packages = attribute(f"inputs.{package.flake}.packages")
        return Raw(f"{packages}.${{pkgs.stdenv.hostPlatform.system}}.{attribute(package.package)}")
    return Pkg(package)


def _expression(config: Unit) -> str:
    package = _package(config)
    return package.text if isinstance(package, Raw) else f"pkgs.{attribute(package.name)}"
