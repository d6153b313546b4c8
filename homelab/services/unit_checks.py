"""Checks of services whose units homelab writes: programs of packages, and static sites."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service
from homelab.services.options import misread_template
from homelab.services.unit import PACKAGE
from homelab.services.uses import templates_of
from homelab.system.accounts import SYSTEM

_UNITS = frozenset(
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
        *("nixos-upgrade", "notify", "nscd", "polkit", "post-boot", "prepare-kexec"),
        *("reload-systemd-vconsole-setup", "resolvconf", "rtkit-daemon", "save-hwclock", "sshd"),
        *("sshd-keygen", "suid-sgid-wrappers", "tailscaled", "udisks2", "upower", "wpa_supplicant"),
    )
)
"""Units that NixOS or homelab has by itself. Source: nixos/modules in nixpkgs."""


@check("unit-name")
def unit_name(plan: Plan) -> Iterator[Problem]:
    """A unit with the name of a unit of the system would change that unit, and run nothing."""
    for service in _units(plan):
        mine = (*service.units, *service.entry.helpers)
        taken = [u for u in mine if u in _UNITS or u.startswith(("systemd-", "homelab-"))]
        theirs = {u: s.name for s in plan.on(service.host) if s is not service for u in s.units}
        clash = [u for u in service.entry.helpers if u in theirs]
        if taken or clash:
            yield Problem(
                f"services.{service.name}",
                f"{taken[0]}.service is a unit of the system"
                if taken
                else f"it is built by {clash[0]}.service, which is a unit of {theirs[clash[0]]}",
                "give the service another name",
            )


@check("unit-text")
def unit_text(plan: Plan) -> Iterator[Problem]:
    """A field that names nothing would reach the program as plain text."""
    for service in _units(plan):
        further = (PACKAGE,) if service.unit is not None else ()
        for place, text in templates_of(service.config):
            for what, way_out in misread_template(
                text, plan, service, called="it", further=further
            ):
                yield Problem(service.at(place), what, way_out)


@check("unit-after")
def unit_after(plan: Plan) -> Iterator[Problem]:
    """A unit can wait only for units of its host; systemd ignores any other name."""
    for service in _units(plan):
        unit = service.unit
        near = {s.name for s in plan.on(service.host) if s.units} - {service.name}
        for index, name in enumerate(unit.after if unit is not None else ()):
            if name not in near:
                yield Problem(
                    service.at(f"unit.after[{index}]"),
                    f'no other service "{name}" with a unit runs on {service.host}',
                    did_you_mean(name, near, f"services of {service.host}"),
                )


@check("unit-state")
def unit_state(plan: Plan) -> Iterator[Problem]:
    """A unit can write its state only where systemd or homelab creates a directory for its user."""
    for service in _units(plan):
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


@check("unit-user")
def unit_user(plan: Plan) -> Iterator[Problem]:
    """A program that runs as an account of the system has the rights of that account."""
    for service in _units(plan):
        if service.entry.user in SYSTEM - {"root"}:
            yield Problem(
                service.at("unit.user"),
                f"{service.entry.user} is an account of the system",
                f"leave it out, or write user: {service.name}",
            )


def _units(plan: Plan) -> Iterator[Service]:
    """Each service whose units homelab writes once, however many hosts run it."""
    seen = set()
    for service in plan.services:
        if service.writes_unit and service.name not in seen:
            seen.add(service.name)
            yield service
