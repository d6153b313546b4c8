"""Checks of units that homelab writes, and of unit names in the facts of an owner."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.catalog.upstream import release_of
from homelab.check import check
from homelab.config.services import schedule_of
from homelab.grouping import leads_to
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services import unit_templates
from homelab.services.container_templates import flaws, unknown_values
from homelab.services.misread import empty_fields, misread_template, read_fields
from homelab.services.model import Service
from homelab.services.own import facts_of, facts_place
from homelab.services.unit import PACKAGE
from homelab.services.unit_templates import TEMPLATES
from homelab.services.uses import templates_of

OF_SYSTEM = frozenset(
    (
        *(
            "acpid",
            "audit",
            "auditd",
            "cron",
            "cups",
            "dbus",
            "dbus-broker",
            "dhcpcd",
            "display-manager",
        ),
        *("firewall", "fstrim", "fwupd", "getty", "kmod", "lastlog", "logrotate", "mount-pstore"),
        *("network", "network-setup", "nftables", "nix-daemon", "nix-gc", "nix-optimise"),
        *("mysql", "nixos-upgrade", "notify", "nscd", "polkit", "post-boot", "postgresql"),
        *("postgresql-setup", "prepare-kexec"),
        *("reload-systemd-vconsole-setup", "resolvconf", "rtkit-daemon", "save-hwclock", "sshd"),
        *("sshd-keygen", "suid-sgid-wrappers", "tailscaled", "udisks2", "upower", "wpa_supplicant"),
    )
)
"""Units that NixOS or homelab has by itself. Source: nixos/modules in nixpkgs."""
_CHOSEN = frozenset(
    (
        *("acpid", "cron", "cups", "display-manager", "fwupd", "mysql", "nixos-upgrade"),
        *("postgresql", "postgresql-setup", "tailscaled", "udisks2", "upower", "wpa_supplicant"),
    )
)
"""Those of `OF_SYSTEM` that run only for a service that somebody chose."""
_OWN = re.compile(
    r"systemd-.*|homelab-(activate|backrest|backup|blank-root|bundles?|card|certificates|devices"
    r"|disk-links|drill|heartbeat|ids|monitors|nfs|old-roots|placeholder|pull|recovery|restore|resume"
    r"|rollback|secrets|sops|space)(-.*)?"
)
"""Units of systemd, and those of homelab itself."""


@check("unit-name")
def unit_name(plan: Plan) -> Iterator[Problem]:
    """A unit with the name of a unit of the system would change that unit, and run nothing."""
    yield from _system_units(plan)
    for service in written_units(plan):
        mine = (*service.units, *service.entry.helpers)
        where, way_out = f"services.{service.name}", "give the service another name"
        taken = [u for u in mine if u in OF_SYSTEM or u.startswith(("systemd-", "homelab-"))]
        theirs = _units_beside(plan, service)
        clash = [u for u in mine if u in theirs]
        if taken:
            yield Problem(where, f"{taken[0]}.service is a unit of the system", way_out)
        elif clash:
            yield Problem(
                where, f"{clash[0]}.service is a unit of {theirs[clash[0]]} as well", way_out
            )


def _system_units(plan: Plan) -> Iterator[Problem]:
    """Units of the system among those of a flake or of an owner's facts: homelab would confine the
    login or the network of the host as if they were the service.
    """
    for service in plan.each_service():
        facts = facts_of(plan.stack, service.name, service.config)
        if service.flake is not None:
            where = service.at("flake.unit")
            named: tuple[str, ...] = (service.flake.unit,)
        elif facts is not None:
            where = f"{facts_place(service.name, service.config)}.units"
            named = (*service.units, *service.entry.helpers)
        else:
            continue
        taken = [u for u in named if is_of_system(u.removesuffix(".service"))]
        if taken:
            yield Problem(
                where,
                f"{taken[0]}.service is a unit of the system, and would get the sandbox of "
                f"{service.name}",
                "name the unit that runs the program of the service",
            )


def is_of_system(unit: str) -> bool:
    """Whether every host has the unit, or needs it to log in or to switch."""
    return unit in OF_SYSTEM - _CHOSEN or _OWN.fullmatch(unit) is not None


def _units_beside(plan: Plan, service: Service) -> dict[str, str]:
    """Units of the service's host that another service needs, with its name. `harden-unit-known`
    reports two main units with one name.
    """
    found: dict[str, str] = {}
    for other in plan.on(service.host):
        names = {part.unit for part in other.parts} | {p.files_unit for p in other.parts}
        names |= {unit_templates.unit_name(other)} - {""}
        names |= {f"podman-{part.network}-network" for part in other.parts if part.network}
        if schedule_of(other.config):
            names.add(f"{other.name}-rates")
        for module in other.modules:
            facts = release_of(module, other.release)
            names |= {*facts.units} - {*other.units} if facts is not None else set()
        if other is not service:
            names |= {*other.entry.helpers} if other.static is None else set()
            # The build of a site is no main unit, so only this check knows it.
            names |= {u for u in other.units if u in service.entry.helpers}
        for name in names:
            found.setdefault(name, other.name)
    for database in plan.databases_on(service.host):
        for name in (database.redis_unit, database.extensions_unit, database.password_unit):
            found.setdefault(name, f"{database.service}, for its database")
    for wiring in plan.connections:
        if wiring.host == service.host:
            found.setdefault(wiring.timer, wiring.service)
    return found


@check("unit-text")
def unit_text(plan: Plan) -> Iterator[Problem]:
    """A field that names nothing would reach the program as plain text."""
    for service in written_units(plan):
        further = (PACKAGE, TEMPLATES) if service.unit is not None else ()
        for place, text in templates_of(service.config):
            wrong = (
                *misread_template(text, plan, service, called="it", further=further),
                *_unread(text, service),
                *empty_fields(text, plan, service),
            )
            for what, way_out in wrong:
                yield Problem(service.at(place), what, way_out)


@check("unit-template")
def unit_template(plan: Plan) -> Iterator[Problem]:
    """A file contains only secrets of its service, in a form that its program reads. A file whose
    path the program does not get has no effect.
    """
    for service in written_units(plan):
        templates = service.unit.templates if service.unit is not None else {}
        facts = service.entry.secrets
        known = {
            name: f"the file of {name} is a variable with its name" if fact.form == "env" else ""
            for name, fact in facts.items()
        }
        named = " ".join(text for _, text in templates_of(service.config))
        for name, template in templates.items():
            place = service.at(f"unit.templates.{name}")
            for flaw in (*flaws(template), *unknown_values(template, known)):
                yield Problem(f"{place}.{flaw.place}", flaw.what, flaw.way_out)
            path = f"{{{TEMPLATES}}}/{name}"
            if not re.search(rf"{re.escape(path)}(?![A-Za-z0-9_-])", named):
                yield Problem(
                    place,
                    f"the program does not read {path}",
                    f"leave it out, or write {path} in command or environment",
                )
            if name in facts:
                yield Problem(
                    place,
                    f"a secret of {service.name} is called {name} as well, and both would be one "
                    "credential",
                    "give it another name, also in command and environment",
                )
        for name in sorted(
            {*re.findall(rf"{{{TEMPLATES}}}/([A-Za-z0-9_-]+)", named)} - {*templates}
        ):
            yield Problem(
                service.at("unit.command"),
                f'there is no template "{name}"',
                did_you_mean(name, templates, "templates"),
            )


def _unread(text: str, service: Service) -> Iterator[tuple[str, str]]:
    """Secrets whose file the program cannot read: systemd reads the variables as root."""
    for field in read_fields(text):
        kind, name = field.indexed or ("", "")
        fact = service.entry.secrets.get(name) if kind == "secret" else None
        if fact is not None and fact.form == "env":
            yield (
                f"{{secret[{name}]}} is a file of environment variables, which only root reads",
                f"leave env of secrets.{name} out, or read the variable instead",
            )


@check("unit-after")
def unit_after(plan: Plan) -> Iterator[Problem]:
    """A unit can wait only for units of its host; systemd ignores any other name."""
    for service in written_units(plan):
        unit = service.unit
        near = {s.name for s in plan.on(service.host) if s.units} - {service.name}
        after = {s.name: s.unit.after for s in plan.on(service.host) if s.unit is not None}
        for index, name in enumerate(unit.after if unit is not None else ()):
            if name not in near:
                yield Problem(
                    service.at(f"unit.after[{index}]"),
                    f'no other service "{name}" with a unit runs on {service.host}',
                    did_you_mean(name, near, f"services of {service.host}"),
                )
            elif leads_to(after, name, service.name):
                yield Problem(
                    service.at(f"unit.after[{index}]"),
                    f"{name} starts after {service.name} as well, so systemd would start one of "
                    "them without the other",
                    "leave one of the two out",
                )


@check("unit-state")
def unit_state(plan: Plan) -> Iterator[Problem]:
    """A unit can write its state only where systemd or homelab creates a directory for its user."""
    for service in written_units(plan):
        is_dynamic = service.entry.dynamic_user
        for index, path in enumerate(service.config.state):
            below = path.removeprefix("/var/lib/").removeprefix("private/").strip("/")
            is_private = path.startswith("/var/lib/private/") and bool(below)
            if is_dynamic and not is_private and not path.startswith("/var/lib/"):
                yield Problem(
                    service.at(f"state[{index}]"),
                    f"{service.name} runs as a dynamic user, who does not own {path}",
                    f"write /var/lib/private/{service.name}, or unit: {{user: {service.name}}}",
                )
            elif not below or (path.startswith("/var/lib/private") and not is_dynamic):
                yield Problem(
                    service.at(f"state[{index}]"),
                    f"{path} is not a directory of {service.name} alone"
                    if not below
                    else f"systemd uses /var/lib/private for dynamic users, and {service.name} "
                    f"runs as {service.entry.user}",
                    f"write /var/lib/{'private/' if is_dynamic else ''}{below or service.name}",
                )


def written_units(plan: Plan) -> Iterator[Service]:
    """Each service whose units homelab writes once."""
    return (s for s in plan.each_service() if s.writes_unit)
