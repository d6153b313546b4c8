"""Datasets that a service wrote, by the lock, and does not name any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homelab.hardening.paths import below
from homelab.nested import texts
from homelab.plan import Plan
from homelab.services.model import Service

_WORD = re.compile(r"[^\s:,=]+")
"""A path in an option may stand beside others, or in a command."""


@dataclass(frozen=True)
class LeftDataset:
    """What a service wrote to a dataset, and looks for elsewhere now."""

    service: str
    where: str
    role: str
    dataset: str
    path: str
    """Its directory, by the lock."""
    now: str
    """The dataset that the role has now; empty without one."""


def written_datasets(service: Service) -> dict[str, str]:
    """The datasets that a service writes, by role."""
    return {role: name for role, name in service.datasets.items() if service.writes(name)}


def left_datasets(plan: Plan) -> Iterator[LeftDataset]:
    """What services left behind in datasets on their own host: an app whose documents lie in a
    dataset starts with its old database and an empty directory.

    A dataset by another name at the same path, and an option or a state path that names the
    directory, leave nothing behind; nor does what is re-derivable.
    """
    paths = {d.name: d.path for d in plan.datasets}
    for service in plan.services:
        memory = service.memory
        if memory is None or memory.host != service.host:
            continue
        for role, name in sorted(memory.placement.datasets.items()):
            now = service.datasets.get(role, "")
            before = plan.lock.datasets.get(name)
            if before is None or now == name or (now and now not in plan.stack.datasets):
                continue
            tier = plan.stack.datasets[name].tier if name in plan.stack.datasets else None
            named = (*(paths.get(d, "") for d in service.datasets.values()), *service.state)
            if tier == "re-derivable" or below(before.path, filter(None, named)):
                continue
            words = (w for text in texts(service.config.options) for w in _WORD.findall(text))
            if any(below(word, (before.path,)) for word in words):
                continue
            where = service.dataset_at(role) if now else service.at("datasets")
            yield LeftDataset(service.name, where, role, name, before.path, now)
