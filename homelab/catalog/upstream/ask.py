"""Ask what nixpkgs says of a unit of a service, in a release."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from homelab.catalog import find as find_entry
from homelab.catalog.model import Entry
from homelab.catalog.upstream.model import Release, Setting, Unit, Value
from homelab.catalog.upstream.read import find

_NOTHING: Mapping[str, Setting] = MappingProxyType({})
_HOLE = re.compile(r"\\\{([a-z]+)\\\}")
"""A placeholder of a unit's name, as `re.escape` leaves it."""


def modules_of(entry: Entry) -> tuple[str, ...]:
    """The modules of nixpkgs that a service of the catalog is made of, its own first."""
    return entry.modules or (entry.name,)


def release_of(module: str, release: str) -> Release | None:
    """What a module says in a release, or else in the nearest one that was read: the last before
    it, or the first. `None` for a module without facts.
    """
    facts = find(module)
    if facts is None or not facts.releases:
        return None
    before = [known for known in facts.releases if known <= release]
    return facts.releases[max(before) if before else min(facts.releases)]


def service_config(name: str, unit: str, release: str) -> Mapping[str, Setting]:
    """`serviceConfig` of a unit as nixpkgs has it: by setting, empty where nothing is known.

    `name` is a module (`restic`) or an entry of the catalog (`nextcloud`), `unit` a unit as it is
    called on a host (`cloudflared-tunnel-home`), without `.service`.
    """
    for module in _modules(name):
        found = unit_of(module, unit, release)
        if found is not None:
            return found.service
    return _NOTHING


def unit_of(module: str, unit: str, release: str) -> Unit | None:
    """What a module says of a unit, by its name on a host."""
    facts = release_of(module, release)
    if facts is None:
        return None
    exact = facts.units.get(unit)
    if exact is not None:
        return exact
    for found in facts.units.values():
        match = _pattern(found.name).fullmatch(unit)
        if match is not None:
            return _filled(found, unit, match.groupdict())
    return None


def matches(pattern: str, unit: str) -> bool:
    """Whether a unit of a module, which may have placeholders, is called so on a host."""
    return _pattern(pattern).fullmatch(unit) is not None


def _modules(name: str) -> Iterator[str]:
    entry = find_entry(name)
    yield from modules_of(entry) if entry is not None else (name,)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_HOLE.sub(r"(?P<\1>[^ ]+)", re.escape(name)))


def _filled(unit: Unit, name: str, parts: Mapping[str, str]) -> Unit:
    """A unit whose name has placeholders, with what stands for them on a host."""

    def text(value: str) -> str:
        for part, word in parts.items():
            value = value.replace(f"{{{part}}}", word)
        return value

    def fill(value: Value) -> Value:
        if isinstance(value, bool):
            return value
        return text(value) if isinstance(value, str) else tuple(text(word) for word in value)

    service = {k: Setting(fill(s.value), s.priority) for k, s in unit.service.items()}
    return replace(unit, name=name, service=MappingProxyType(service))
