"""Datasets that have another place in the lock."""

from __future__ import annotations

from homelab.config.lock import Place
from homelab.plan import Plan
from homelab.storage.model import Dataset
from homelab.system.renamed import renamed_hosts


def moved_datasets(plan: Plan) -> tuple[tuple[Dataset, Place], ...]:
    """(dataset, former place) of datasets that moved; re-derivable ones are left out."""
    renamed = renamed_hosts(plan.stack, plan.lock)
    out = []
    for dataset in plan.datasets:
        before = plan.lock.datasets.get(dataset.name)
        if before is None or dataset.tier == "re-derivable":
            continue
        host = renamed.get(before.host, before.host)
        if (host, before.path) != (dataset.host, dataset.path):
            out.append((dataset, Place(host=host, path=before.path)))
    return tuple(out)
