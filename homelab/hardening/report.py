"""Report how strict the sandbox of each unit is, and every exception with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homelab.hardening.baseline import NAMES
from homelab.hardening.model import UnitHardening
from homelab.hardening.plan import EVERYTHING


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
