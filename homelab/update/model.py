"""An update of pins, as it is shown before a lock file is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.config.fact_parts import Upgrade
from homelab.evaluation.versions import Change
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.update.databases import upgrades_of
from homelab.update.locking import Revision
from homelab.update.obsolete import Use
from homelab.update.steps import steps_of
from homelab.update.unbuilt import Unbuilt


@dataclass(frozen=True)
class Step:
    """What a person does for the upgrade of a service."""

    service: str
    """Services that it concerns, for people: `immich`, `postgresql (immich, paperless)`."""
    change: Change
    upgrade: Upgrade
    skips: bool
    """The upgrade skips a major version, which the service refuses."""


@dataclass(frozen=True)
class PinUpdate:
    """A pin, and its lock file before and after."""

    pin: str
    path: str
    """Of the lock file, beside the stack file."""
    old: str
    """Text; empty if there is no lock file yet."""
    new: str
    revisions: tuple[Revision, ...]
    dropped: tuple[str, ...] = ()
    """Inputs that the new lock file does not have because nothing declares them."""


@dataclass(frozen=True)
class HostUpdate:
    """What newer lock files change on a host."""

    host: str
    compared: bool
    """Whether the host could be evaluated with the old lock file and with the new one."""
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    """Problems that the new lock file causes: those that the old one does not have. Those of the
    options in `uses` are not among them."""
    unbuilt: Unbuilt | None = None
    uses: tuple[Use, ...] = ()
    """Where the owner sets options that have another name or are gone."""

    @property
    def fails(self) -> bool:
        """Whether a build would fail, or a service could not start its upgrade."""
        wrong = any(p.severity == "error" for p in self.problems)
        wrong = wrong or any(use.obsolete.new is None for use in self.uses)
        return wrong or any(step.skips for step in self.steps)


def steps(plan: Plan, changes: tuple[Change, ...]) -> Iterator[Step]:
    """The steps that these changes need, from the facts of the services and of databases."""
    entries = {s.name: s.entry for s in plan.services}
    for change in changes:
        if change.database:
            users = [s.name for s in plan.services if s.entry.database == change.database]
            label = f"{change.database} ({', '.join(dict.fromkeys(users))})"
            for upgrade, skips in steps_of(upgrades_of(change.database), change):
                yield Step(label, change, upgrade, skips)
        for service in change.services:
            for upgrade, skips in steps_of(entries[service].upgrades, change):
                yield Step(service, change, upgrade, skips)
