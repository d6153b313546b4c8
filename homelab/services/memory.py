"""Match the services of the stack with the records of the lock, across renames and moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from homelab.config.lock import Lock, Placement
from homelab.services.model import Memory, Service


@dataclass(frozen=True)
class _Gone:
    """A record of the lock that is not matched with a service of the stack yet."""

    key: str
    name: str
    host: str
    placement: Placement


def with_memory(
    services: tuple[Service, ...], lock: Lock, renamed: dict[str, str]
) -> tuple[Service, ...]:
    """The services with their lock records, and with the owner that their secrets are derived for.

    A record matches by name and host first, then by name (the service moved), then by catalog entry
    or a state path (it was renamed). `name` and `name@host` in the lock are the same service.
    `renamed` maps former host names to current ones.
    """
    left = [_gone(key, placement, renamed) for key, placement in sorted(lock.services.items())]
    found: dict[tuple[str, str], _Gone] = {}
    for fits in (_same_place, _same_name, _same_thing_here, _same_thing):
        for service in services:
            at = (service.name, service.host)
            if at in found or (service.source.startswith("hosts.") and fits is not _same_place):
                continue  # a service that every host has never moves
            one = next((g for g in left if fits(service, g)), None)
            if one is not None:
                found[at] = one
                left.remove(one)
    owners = {at: one.placement.owner or one.key for at, one in found.items()}
    out = []
    many, taken = Counter(s.name for s in services), set(owners.values())
    for service in services:
        at = (service.name, service.host)
        if at not in owners:
            several = many[service.name] > 1
            owners[at] = next(o for o in _owners(service, several=several) if o not in taken)
            taken.add(owners[at])
        known = found.get(at)
        memory = Memory(known.key, known.name, known.host, known.placement) if known else None
        out.append(replace(service, memory=memory, owner=owners[at]))
    return tuple(out)


def with_lock_keys(services: tuple[Service, ...]) -> Iterator[tuple[str, Service]]:
    """The services with their keys in the lock: `name`, or `name@host` if several hosts run it."""
    many = Counter(s.name for s in services)
    for service in services:
        yield _key(service, several=many[service.name] > 1), service


def _key(service: Service, *, several: bool) -> str:
    return f"{service.name}@{service.host}" if several else service.name


def has_state(service: Service) -> bool:
    """Whether the service would lose data if it started empty."""
    return bool(service.state or service.entry.dumps) and not service.entry.stateless


def moved(services: tuple[Service, ...]) -> tuple[tuple[str, Service, Memory], ...]:
    """Services with state that the lock has on another host: (place, service, memory)."""
    return tuple(
        (s.host_at, s, s.memory)
        for s in services
        if s.memory is not None and s.memory.host != s.host and has_state(s)
    )


def lost_paths(service: Service) -> tuple[str, ...]:
    """Recorded state paths on this host that are not part of the service's state any more."""
    memory = service.memory
    if memory is None or memory.host != service.host:
        return ()
    return tuple(p for p in memory.placement.state if p not in service.state)


def _gone(key: str, placement: Placement, renamed: dict[str, str]) -> _Gone:
    host = renamed.get(placement.host, placement.host)
    return _Gone(key, key.partition("@")[0], host, placement)


def _same_place(service: Service, gone: _Gone) -> bool:
    return (service.name, service.host) == (gone.name, gone.host)


def _same_name(service: Service, gone: _Gone) -> bool:
    return service.name == gone.name


def _same_thing(service: Service, gone: _Gone) -> bool:
    catalog = not service.is_custom and service.entry.name == (gone.placement.service or gone.name)
    return catalog or bool(set(service.state) & set(gone.placement.state))


def _same_thing_here(service: Service, gone: _Gone) -> bool:
    return service.host == gone.host and _same_thing(service, gone)


def _owners(service: Service, *, several: bool) -> Iterator[str]:
    """Candidates for the name that secrets are derived for, the shortest first."""
    yield _key(service, several=several)
    yield f"{service.name}@{service.host}"
    number = 2
    while True:
        yield f"{service.name}@{service.host}.{number}"
        number += 1
