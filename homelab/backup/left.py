"""Places that the stack has used and uses no more: of datasets, of backup targets, and of the state
of services. The lock keeps them, so that `homelab orphans` can look there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from homelab.backup.model import place_of
from homelab.config.lock import Left
from homelab.hardening.paths import below
from homelab.plan import Plan, once
from homelab.services.memory import lost_paths, moved
from homelab.system.renamed import renamed_hosts

_ON_HOSTS = ("local", "rest", "sftp")
"""Kinds of targets whose repositories are on a host of the stack, if it names one."""


@once
def known_places(plan: Plan) -> tuple[Left, ...]:
    """What `homelab orphans` looks at: what the lock has, and what is gone from the stack since.

    What moves now is not among them: until `homelab lock --move`, its files may not be copied.
    """
    return _unused(plan, (*_recorded(plan), *_gone(plan)))


def left_places(
    plan: Plan, moving: Mapping[str, str | None] = MappingProxyType({})
) -> tuple[Left, ...]:
    """What the next lock has, with the moves that it acknowledges. `homelab move` keeps notes of
    its own on the host that a service in `moving` leaves.
    """
    return _unused(plan, (*_recorded(plan), *_gone(plan), *_moved(plan, moving)))


def _recorded(plan: Plan) -> Iterator[Left]:
    renamed = renamed_hosts(plan.stack, plan.lock)
    for left in plan.lock.left:
        yield left.model_copy(update={"host": renamed.get(left.host, left.host)})


def _gone(plan: Plan) -> Iterator[Left]:
    """Datasets, targets and services that the stack has no more."""
    renamed = renamed_hosts(plan.stack, plan.lock)
    for name, place in plan.lock.datasets.items():
        if name not in plan.stack.datasets:
            yield Left(host=renamed.get(place.host, place.host), path=place.path, dataset=name)
    for name, where in plan.lock.targets.items():
        target = plan.stack.backup.targets.get(name)
        kind, _, rest = where.partition(":")
        host, _, path = rest.partition(":")
        # Backups that begin anew elsewhere need nothing of the earlier ones.
        differs = target is None or place_of(target) != where
        if differs and kind in _ON_HOSTS and host and path.startswith("/"):
            yield Left(host=renamed.get(host, host), path=path, target=name)
    taken = {s.memory.key for s in plan.services if s.memory is not None}
    for key, placement in plan.lock.services.items():
        name = key.partition("@")[0]
        # A service that is switched off keeps its place in the lock.
        config = plan.stack.services.get(name)
        if key not in taken and (config is None or config.runs):
            host = renamed.get(placement.host, placement.host)
            yield from (Left(host=host, path=p, service=name) for p in placement.state)


def _moved(plan: Plan, moving: Mapping[str, str | None]) -> Iterator[Left]:
    renamed = renamed_hosts(plan.stack, plan.lock)
    for dataset in plan.datasets:
        before = plan.lock.datasets.get(dataset.name)
        if before is not None:
            host = renamed.get(before.host, before.host)
            yield Left(host=host, path=before.path, dataset=dataset.name)
    for _, service, memory in moved(plan.services):
        if service.name not in moving:
            state = memory.placement.state
            yield from (Left(host=memory.host, path=p, service=memory.name) for p in state)
    for service in plan.services:
        if service.name not in moving:
            lost = lost_paths(service)
            yield from (Left(host=service.host, path=p, service=service.name) for p in lost)


def said(plan: Plan, left: Left) -> str:
    """What lies in a place, for people: `state of wiki, which the stack has no more`."""
    if left.dataset:
        now = plan.stack.datasets.get(left.dataset)
        there = f"is in {now.path} on {now.host} now" if now is not None else _GONE
        return f"files of the dataset {left.dataset}, which {there}"
    if left.target:
        stays = left.target in plan.stack.backup.targets
        return f"of the target {left.target}, which {'has another place now' if stays else _GONE}"
    stays = left.service in plan.stack.services
    return f"state of {left.service}, which {'has it elsewhere now' if stays else _GONE}"


_GONE = "the stack has no more"


def _unused(plan: Plan, found: Iterable[Left]) -> tuple[Left, ...]:
    """By host and path, without what the stack uses again. A host that is gone keeps nothing."""
    used: dict[str, list[str]] = {}
    for service in plan.services:
        used.setdefault(service.host, []).extend(service.state)
    for key, placement in plan.lock.services.items():
        config = plan.stack.services.get(key.partition("@")[0])
        if config is not None and not config.runs:
            used.setdefault(placement.host, []).extend(placement.state)
    for dataset in plan.datasets:
        used.setdefault(dataset.host, []).append(dataset.path)
    for target in plan.stack.backup.targets.values():
        used.setdefault(target.host or "", []).append(target.path.rstrip("/"))
    kept = {
        (left.host, left.path): left
        for left in found
        if left.host in plan.hosts and not below(left.path, used.get(left.host, ()))
    }
    return tuple(left for _, left in sorted(kept.items()))
