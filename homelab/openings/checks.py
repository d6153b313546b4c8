"""Checks of what options of the stack config and hand-written modules open outside the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.check import check, file_check
from homelab.nix.source import Setting
from homelab.openings.alerts import ALERT
from homelab.openings.brokers import BROKER
from homelab.openings.calendars import CALENDAR
from homelab.openings.copies import COPIES, copies
from homelab.openings.daemons import CONTROLLER
from homelab.openings.disks import APM, UNSTABLE, boot_disks
from homelab.openings.fields import literal_fields
from homelab.openings.first_account import FIRST, first_accounts
from homelab.openings.images import open_images
from homelab.openings.literals import LITERAL
from homelab.openings.model import Opening, View
from homelab.openings.moved_ports import MOVED
from homelab.openings.names import UNKNOWN
from homelab.openings.rates import TURTLE
from homelab.openings.registry import openings
from homelab.openings.replaced import LIST, REPLACED
from homelab.openings.resolvers import NAMES
from homelab.openings.restarts import RESTARTS
from homelab.openings.settings import (
    of_containers,
    of_modules,
    of_options,
    of_others,
    of_templates,
)
from homelab.openings.state import STATE
from homelab.openings.unsaved import UNSAVED
from homelab.openings.wifi import BACKEND
from homelab.plan import Plan, once
from homelab.problems import Problem, did_you_mean
from homelab.system.model import Host

FORBIDDEN_PATTERNS = file_check(
    "forbidden-patterns",
    "error",
    "A hand-written module that opens ports, writes virtual hosts or adds another way to log in "
    "bypasses the plan.",
)

_CHECKS = {
    ALERT: "alert-template-present",
    APM: "hdparm-udev",
    BACKEND: "wifi-backend-single",
    BROKER: "broker-present",
    CALENDAR: "option-calendar",
    CONTROLLER: "mcp-loopback",
    COPIES: "hardlink-same-fs",
    FIRST: "first-account",
    LITERAL: "secret-literal",
    MOVED: "port-stated",
    NAMES: "dns-single-writer",
    RESTARTS: "restart-limits",
    STATE: "state-moved",
    TURTLE: "turtle-reserved",
    UNKNOWN: "option-known",
    UNSAVED: "backup-own",
    UNSTABLE: "disk-by-id",
}
"""Checks of the openings that have one of their own, also in hand-written modules."""
FIREWALL = ("open-port", "firewall-off", "firewall-rules")
"""Names of openings that make `homelab reach` wrong."""


@check("open-firewall-ban")
def open_firewall_ban(plan: Plan) -> Iterator[Problem]:
    """A port that an option opens is not in the firewall plan: `homelab reach` would be wrong."""
    for where, opening in of_stack(plan, FIREWALL):
        yield Problem(where, opening.what, opening.way_out, severity=opening.severity)


@check("option-opens")
def option_opens(plan: Plan) -> Iterator[Problem]:
    """An option that gives access bypasses the plan, and with it sign-in, firewall, tailnet policy
    and probes. Some can be accepted, with a reason.
    """
    for where, opening in of_stack(plan):
        if opening.word not in (*FIREWALL, *_CHECKS):
            yield Problem(where, opening.what, opening.way_out, severity=opening.severity)


@check("option-known")
def option_known(plan: Plan) -> Iterator[Problem]:
    """A mistyped option fails the build of its host after cloud resources have changed. A name that
    resembles no known one may be newer than our list, and is left to Nix.
    """
    return _reported(plan, UNKNOWN)


@check("option-calendar")
def option_calendar(plan: Plan) -> Iterator[Problem]:
    """A timer whose time systemd cannot parse does not load, so its job never runs."""
    return _reported(plan, CALENDAR)


@check("disk-by-id", severity="warning")
def disk_by_id(plan: Plan) -> Iterator[Problem]:
    """A name such as /dev/nvme0n1 may be another disk after a boot: the wrong one is mounted, used
    as swap, or gets the boot loader.
    """
    return _reported(plan, UNSTABLE)


@check("alert-template-present")
def alert_template_present(plan: Plan) -> Iterator[Problem]:
    """A unit that does not exist is ignored, so a failure that starts one alerts nobody."""
    return _reported(plan, ALERT)


@check("restart-limits")
def restart_limits(plan: Plan) -> Iterator[Problem]:
    """A unit whose limit systemd ignores restarts forever, or gives up when it should not."""
    return _reported(plan, RESTARTS)


@check("state-moved")
def state_moved(plan: Plan) -> Iterator[Problem]:
    """A backup that dumps another database than the one in use has nothing to restore."""
    return _reported(plan, STATE)


@check("backup-own", severity="warning")
def backup_own(plan: Plan) -> Iterator[Problem]:
    """An app that only a module of yours runs, and a directory that only an option mounts into a
    container, are lost with the disk unless something backs them up.
    """
    return _reported(plan, UNSAVED)


@check("port-stated")
def port_stated(plan: Plan) -> Iterator[Problem]:
    """If an option gives an app another port than the plan, nothing reaches the app there."""
    return _reported(plan, MOVED)


@check("first-account")
def first_account(plan: Plan) -> Iterator[Problem]:
    """The first visitor of an app, or anyone who knows its published password, would own it."""
    return _reported(plan, FIRST)


@check("turtle-reserved")
def turtle_reserved(plan: Plan) -> Iterator[Problem]:
    """Transmission has one set of other limits. With a schedule, its button pauses by hand."""
    return _reported(plan, TURTLE)


@check("broker-present")
def broker_present(plan: Plan) -> Iterator[Problem]:
    """A client of MQTT whose host runs no broker starts, and waits for one forever."""
    return _reported(plan, BROKER)


@check("hdparm-udev")
def hdparm_udev(plan: Plan) -> Iterator[Problem]:
    """A udev rule that sets APM with hdparm hangs bridges from USB to SATA, and stops the boot."""
    return _reported(plan, APM)


@check("hardlink-same-fs")
def hardlink_same_fs(plan: Plan) -> Iterator[Problem]:
    """Hard links work within one mount of one file system: elsewhere files are copied and take
    twice the space.
    """
    for where, opening in of_stack(plan, (COPIES,)):
        yield Problem(
            where, opening.what, opening.way_out, severity=opening.severity, cause=opening.cause
        )


@check("accept-known", whole=True)
def accept_known(plan: Plan) -> Iterator[Problem]:
    """An `accept` entry that nothing needs would hide a later opening."""
    found: dict[str, set[str]] = {}
    for where, opening in _of_stack(plan):
        if opening.acceptable:
            found.setdefault(where.split(".")[1], set()).add(opening.word)
    for name, config in sorted(plan.stack.services.items()):
        for word in config.accept:
            if word not in found.get(name, ()):
                yield _nothing(f"services.{name}.accept.{word}", word, found.get(name, set()))


def _nothing(where: str, word: str, known: set[str]) -> Problem:
    return Problem(
        where,
        f"nothing here needs {word} accepted",
        did_you_mean(word, sorted(known), "words") if known else "drop it",
    )


@once
def _of_stack(plan: Plan) -> tuple[tuple[str, Opening], ...]:
    return tuple(_openings_of(plan))


def _openings_of(plan: Plan) -> Iterator[tuple[str, Opening]]:
    yield from first_accounts(plan)
    yield from boot_disks(plan)
    yield from copies(plan)
    yield from literal_fields(plan)
    seen = set()
    for host in plan.hosts.values():
        name = host.name
        settings = (*of_options(plan, name), *of_containers(plan, name), *of_templates(plan, name))
        view = View(plan, host, settings)
        yield from open_images(view)
        for setting in settings:
            for opening in openings(setting, view):
                # Report a service that runs on several hosts once.
                if (setting.source, opening) not in seen:
                    seen.add((setting.source, opening))
                    yield setting.source, opening


def _reported(plan: Plan, word: str) -> Iterator[Problem]:
    """A problem for each opening of the stack config's options that has this name."""
    for where, opening in of_stack(plan, (word,)):
        yield Problem(where, opening.what, opening.way_out)


def of_stack(plan: Plan, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Opening]]:
    """Openings of the stack config's options that are not accepted: (place, opening). `words`
    limits them to these names.
    """
    for where, opening in _of_stack(plan):
        service = where.split(".")[1]
        config = plan.stack.services.get(service)
        accepted = opening.acceptable and config is not None and opening.word in config.accept
        if not accepted and (not words or opening.word in words):
            yield where, _acceptable(opening, f"services.{service}")


def _acceptable(opening: Opening, owner: str) -> Opening:
    if not opening.acceptable:
        return opening
    way_out = (
        f"{opening.way_out}; or accept it with a reason: {owner}.accept: {{{opening.word}: …}}"
    )
    return replace(opening, way_out=way_out)


def check_openings(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Hand-written modules must not bypass the plan."""
    for host in plan.hosts.values():
        yield from _of_host(plan, host, sources)


def _of_host(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    files = of_modules(host, sources)
    beside = (
        *of_options(plan, host.name),
        *(s for source in files.values() for s in source.settings),
    )
    view, needed = View(plan, host, beside), set()
    forced: set[tuple[str, Opening]] = set()
    for name, source in files.items():
        for setting, opening in _each(source.settings, view):
            if not _concerns(host, opening):
                continue
            if setting.forced is not None:
                # A forced set is reported once, not for each option in it.
                if (name, opening) in forced:
                    continue
                forced.add((name, opening))
            if opening.acceptable:
                needed.add(opening.word)
                if opening.word in host.config.accept:
                    continue
            shown = _acceptable(opening, host.source)
            yield Problem(
                host.source,
                f"{name}:{setting.line}: {shown.what}",
                shown.way_out,
                _CHECKS.get(opening.word, FORBIDDEN_PATTERNS),
                severity=opening.severity,
            )
    yield from _of_others(plan, host, sources)
    for word in host.config.accept:
        if word not in needed:
            yield Problem(
                f"{host.source}.accept.{word}",
                f"nothing in its modules needs {word} accepted",
                did_you_mean(word, sorted(needed), "words") if needed else "drop it",
                check=FORBIDDEN_PATTERNS,
            )


def _of_others(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """What the files open of which the text does not show whether the host has them."""
    extends = host.config.extends
    for name, source in of_others(host, sources).items() if extends is not None else ():
        view = View(plan, host, source.settings)
        for setting, opening in _each(source.settings, view):
            if extends is not None and _concerns(host, opening):
                system = f"nixosConfigurations.{extends.name or host.name}"
                yield Problem(
                    host.source,
                    f"{name}:{setting.line}: {opening.what}, if {system} has this module: "
                    f"{extends.flake}/flake.nix lists its modules in a way that only Nix resolves",
                    f"{opening.way_out}; or write {system} = ….nixosSystem {{ modules = [ … ]; }}",
                    _CHECKS.get(opening.word, FORBIDDEN_PATTERNS),
                    severity="warning",
                )


def _concerns(host: Host, opening: Opening) -> bool:
    """Whether an opening bypasses what homelab manages. On a host that is managed in part, the
    modules of its owner run it; only a managed firewall, what homelab writes, and secrets in plain
    text matter.
    """
    if host.config.manage is None or opening.word in (LIST, LITERAL, REPLACED):
        return True
    return opening.word in FIREWALL and host.config.manages("firewall")


def _each(settings: tuple[Setting, ...], view: View) -> Iterator[tuple[Setting, Opening]]:
    for setting in settings:
        for opening in openings(setting, view):
            yield setting, opening
