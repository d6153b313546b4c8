"""Checks of fixed user and group numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.ids import (
    BUILD_GROUP,
    FREE,
    NIXPKGS,
    has_fixed_user,
    ids_stated,
    place_of_ids,
)
from homelab.services.model import Service

_KINDS = ("uid", "gid")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


@check("id-user")
def id_user(plan: Plan) -> Iterator[Problem]:
    """Numbers for a user that homelab does not know would have no effect."""
    for service in plan.services:
        if ids_stated(service.config) is None:
            continue
        if not has_fixed_user(service):
            why = "runs as root" if service.entry.user == "root" else "has no user that we know of"
            yield Problem(
                service.at("ids"),
                f"{service.name} {why}, so it has no numbers of its own",
                "leave ids out",
            )
        elif not _USER.fullmatch(service.entry.user):
            yield Problem(
                service.at("ids"),
                f"{service.entry.user} cannot be the name of an ordinary user",
                "leave ids out; systemd gives its unit a dynamic user",
            )


@check("id-own")
def id_own(plan: Plan) -> Iterator[Problem]:
    """A service with the number of another user or group reads and writes its files."""
    for kind in _KINDS:
        for service, number in _numbers(plan, kind):
            whose = _others(service.entry.user, kind, number)
            if whose:
                yield Problem(
                    f"{place_of_ids(service)}.{kind}",
                    f"{kind} {number} is not for {service.entry.user}: {whose}",
                    f"state a {kind} from {FREE.start} to {FREE.stop - 1}, or leave {kind} out; "
                    "give files with the other number to the new one: chown",
                )


def _others(user: str, kind: str, number: int) -> str:
    """Whose number it is, or may become; empty if it is free for a service."""
    own = NIXPKGS.get(user)
    if number in FREE or (own is not None and number == (own.uid if kind == "uid" else own.gid)):
        return ""
    if number < FREE.start:
        return f"nixpkgs assigns those below {FREE.start} to users and groups of its own"
    if kind == "uid":
        return f"NixOS gives those from {FREE.stop} up to the accounts of people"
    # NixOS itself gives no group such a number.
    return "" if number < BUILD_GROUP else f"Nix and systemd have those from {BUILD_GROUP} up"


@check("id-unique")
def id_unique(plan: Plan) -> Iterator[Problem]:
    """Two users with one number share files and firewall rules."""
    for kind in _KINDS:
        seen: dict[tuple[str, int], str] = {}
        for service, number in _numbers(plan, kind):
            user = service.entry.user
            other = seen.setdefault((service.host, number), user)
            if other != user:
                yield Problem(
                    f"{place_of_ids(service)}.{kind}",
                    f"{other} and {user} both have {kind} {number} on {service.host}",
                    f"state another {kind}, or correct ids in the stack's lock",
                )


@check("id-stable")
def id_stable(plan: Plan) -> Iterator[Problem]:
    """Files belong to user numbers: with a new number a service loses access to its state."""
    for kind in _KINDS:
        for service, new in _numbers(plan, kind):
            before = plan.lock.ids.get(service.entry.user)
            old = None if before is None else before.uid if kind == "uid" else before.gid
            if old not in (None, new):
                yield Problem(
                    f"{place_of_ids(service)}.{kind}",
                    f"{service.entry.user} had {kind} {old}, and its files on {service.host} still "
                    "do",
                    f"leave {kind} out; or change their owner by hand, drop {service.entry.user} "
                    "from ids in the stack's lock, and run homelab lock",
                )


def _numbers(plan: Plan, kind: str) -> Iterator[tuple[Service, int]]:
    for service in plan.services:
        if service.ids is not None:
            yield service, service.ids.uid if kind == "uid" else service.ids.gid
