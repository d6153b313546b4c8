"""What the lock remembers of each service, whatever it is called and wherever it runs by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from homelab.config.lock import Lock, Placement
from homelab.services.model import Memory, Service


@dataclass(frozen=True)
class _Gone:
    """An instance that the lock remembers, and that no service of the stack has taken yet."""

    key: str
    name: str
    host: str
    placement: Placement


def with_memory(
    services: tuple[Service, ...], lock: Lock, renamed: dict[str, str]
) -> tuple[Service, ...]:
    """The services with what the lock remembers of them, and with the owner of what is derived.

    An instance is known by its name and host first, then by its name (it moved), then by its
    catalog service or a path of its state (it was renamed). `name` and `name@host` of the lock are
    the same service. `renamed` gives the new names of machines that the lock knows by another.
    """
    left = [_gone(key, placement, renamed) for key, placement in sorted(lock.services.items())]
    found: dict[tuple[str, str], _Gone] = {}
    for fits in (_same_place, _same_name, _same_thing_here, _same_thing):
        for service in services:
            at = (service.name, service.host)
            if at in found or (service.source.startswith("hosts.") and fits is not _same_place):
                continue  # what every host has of its own never moves
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


def lock_key(service: Service, services: tuple[Service, ...]) -> str:
    """The service's name in the lock: its own, or `name@host` where several hosts run it."""
    several = sum(s.name == service.name for s in services) > 1
    return f"{service.name}@{service.host}" if several else service.name


def has_state(service: Service) -> bool:
    """Whether anything would be missing if it started empty."""
    return bool(service.state or service.entry.dumps) and not service.entry.stateless


def moved(services: tuple[Service, ...]) -> tuple[tuple[str, Service, Memory], ...]:
    """Services with state that the lock remembers on another host: (place, service, memory)."""
    return tuple(
        (s.host_at, s, s.memory)
        for s in services
        if s.memory is not None and s.memory.host != s.host and has_state(s)
    )


def lost_paths(service: Service) -> tuple[str, ...]:
    """Paths of state that the lock remembers on this host, and that are its state no more."""
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
    """Names to derive for, the plainest first; nobody gets one that another has from before."""
    yield service.name if not several else f"{service.name}@{service.host}"
    yield f"{service.name}@{service.host}"
    number = 2
    while True:
        yield f"{service.name}@{service.host}.{number}"
        number += 1
