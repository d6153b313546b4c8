"""Which of the upgrades in the facts of a service a new version needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homelab.config.fact_parts import Upgrade
from homelab.evaluation.versions import Change, major, parts


def steps_of(upgrades: Iterable[Upgrade], change: Change) -> Iterator[tuple[Upgrade, bool]]:
    """The upgrades that the change needs, each with whether it skips a major version."""
    if not change.old or not change.new:
        return
    old, new = parts(change.old), parts(change.new)
    for upgrade in upgrades:
        if upgrade.version:
            if old < parts(upgrade.version) <= new:
                yield upgrade, False
        elif major(change.old) != major(change.new):
            yield upgrade, upgrade.one_major and _skips(change)


def _skips(change: Change) -> bool:
    old, new = major(change.old), major(change.new)
    return old[:-1] == new[:-1] and new[-1:] > (old[-1] + 1,)
