"""Report how strict the sandbox of each unit is, and every exception with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homelab.catalog.upstream.ask import matches, release_of
from homelab.catalog.upstream.model import Unit
from homelab.hardening.baseline import NAMES
from homelab.hardening.model import UnitHardening
from homelab.hardening.plan import EVERYTHING
from homelab.services.model import Service


@dataclass(frozen=True)
class Exemption:
    """One exception of one unit."""

    host: str
    unit: str
    service: str
    what: str
    """Name of the part, or `everything`."""
    why: str


@dataclass(frozen=True)
class Score:
    """Percentage of the baseline that applies to a unit."""

    host: str
    unit: str
    service: str
    percent: int


@dataclass(frozen=True)
class Bare:
    """A unit that a module of nixpkgs makes beside those of the service, without the baseline."""

    host: str
    unit: str
    service: str
    user: str
    """Who runs it: a user, or root."""


def bare_units(services: Iterable[Service]) -> tuple[Bare, ...]:
    """Every further unit of the modules of services: those of root first. Some of them exist only
    with an option of the module, such as a dump that the owner enables.
    """
    found = []
    for service in services:
        units: dict[str, Unit | None] = dict.fromkeys(service.entry.helpers)
        for module in service.modules:
            facts = release_of(module, service.release)
            units |= facts.units if facts is not None else {}
        for name, unit in units.items():
            if any(matches(name, own) for own in service.units) or "*" in name or "{" in name:
                continue
            stated = unit.service if unit is not None else {}
            user = stated.get("User")
            is_dynamic = stated.get("DynamicUser") is not None
            who = str(user.value) if user is not None else "a dynamic user" if is_dynamic else ""
            found.append(Bare(service.host, name, service.name, who))
    return tuple(sorted(found, key=lambda b: (b.user != "root", b.host, b.unit)))


def exemptions(hardening: Iterable[UnitHardening]) -> tuple[Exemption, ...]:
    """Every exception, by host, unit and part."""
    found = [
        Exemption(u.host, u.unit, u.service, what, why)
        for u in hardening
        for what, why in u.exceptions
    ]
    return tuple(sorted(found, key=lambda e: (e.host, e.unit, e.what)))


def scores(hardening: Iterable[UnitHardening]) -> tuple[Score, ...]:
    """The score of every unit, the lowest first."""
    found = [Score(u.host, u.unit, u.service, _percent(u)) for u in hardening]
    return tuple(sorted(found, key=lambda s: (s.percent, s.host, s.unit)))


def host_scores(hardening: Iterable[UnitHardening]) -> dict[str, int]:
    """The mean score of each host's units, the lowest first."""
    by_host: dict[str, list[int]] = {}
    for score in scores(hardening):
        by_host.setdefault(score.host, []).append(score.percent)
    means = {host: sum(found) // len(found) for host, found in by_host.items()}
    return dict(sorted(means.items(), key=lambda m: (m[1], m[0])))


def _percent(unit: UnitHardening) -> int:
    waived = {what for what, _ in unit.exceptions}
    if EVERYTHING in waived:
        return 0
    return 100 * (len(NAMES) - len(waived & set(NAMES))) // len(NAMES)
