"""Datasets and replicas that have another place in the lock."""

from __future__ import annotations

from homelab.config.lock import Copy, Place
from homelab.plan import Plan
from homelab.storage.model import Dataset, Replica
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


def moved_replicas(plan: Plan) -> tuple[tuple[Replica, Copy], ...]:
    """(replica, former place) of replicas that moved, without those of re-derivable datasets."""
    return tuple(
        (replica, before)
        for replica in plan.replicas
        if replica.dataset.tier != "re-derivable"
        and (before := former_copy(plan, replica.dataset.name)) is not None
        and (before.host, before.place) != (replica.host, replica.place.rstrip("/"))
    )


def former_copy(plan: Plan, dataset: str) -> Copy | None:
    """Where the lock has the replica of a dataset, by the present name of the host."""
    place = plan.lock.datasets.get(dataset)
    if place is None or place.replica is None:
        return None
    host = place.replica.host
    renamed = renamed_hosts(plan.stack, plan.lock)
    return Copy(host=renamed.get(host, host), place=place.replica.place)


def places_of(plan: Plan) -> dict[str, Place]:
    """What the lock records of each dataset."""
    copies = {r.dataset.name: Copy(host=r.host, place=r.place.rstrip("/")) for r in plan.replicas}
    return {
        d.name: Place(host=d.host, path=d.path, replica=copies.get(d.name)) for d in plan.datasets
    }
