"""Checks of fixed user and group numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.ids import has_fixed_user, ids_stated, place_of_ids
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
