"""Look up what nixpkgs sets for a service's unit in a release."""

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
"""A placeholder in a unit's name, after `re.escape`."""


def modules_of(entry: Entry) -> tuple[str, ...]:
    """The nixpkgs modules that a catalog entry consists of, the main one first."""
    return entry.modules or (entry.name,)


def release_of(module: str, release: str) -> Release | None:
    """Facts about a module in a release; `None` for a module without facts.

    A release that was not transcribed has the facts of the last one before it, or of the first one.
    """
    facts = find(module)
    if facts is None or not facts.releases:
        return None
    before = [known for known in facts.releases if known <= release]
    return facts.releases[max(before) if before else min(facts.releases)]


def service_config(name: str, unit: str, release: str) -> Mapping[str, Setting]:
    """`serviceConfig` of a unit in nixpkgs, by setting; empty when nothing is known.

    `name` is a module (`restic`) or a catalog entry (`nextcloud`). `unit` is the unit's name on a
    host (`cloudflared-tunnel-home`), without `.service`.
    """
    for module in _modules(name, release):
        found = unit_of(module, unit, release)
        if found is not None:
            return found.service
    return _NOTHING


def unit_of(module: str, unit: str, release: str) -> Unit | None:
    """Facts about a module's unit, by its name on a host; `None` when the module has none."""
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
    """Whether a module's unit name, which may have placeholders, matches a name on a host."""
    return _pattern(pattern).fullmatch(unit) is not None


def _modules(name: str, release: str) -> Iterator[str]:
    entry = find_entry(name)
    yield from modules_of(entry.at(release)) if entry is not None else (name,)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_HOLE.sub(r"(?P<\1>[^ ]+)", re.escape(name)))


def _filled(unit: Unit, name: str, parts: Mapping[str, str]) -> Unit:
    """A unit with the placeholders of its name and settings replaced."""

    def text(value: str) -> str:
        for placeholder, replacement in parts.items():
            value = value.replace(f"{{{placeholder}}}", replacement)
        return value

    def fill(value: Value) -> Value:
        if isinstance(value, bool):
            return value
        return text(value) if isinstance(value, str) else tuple(text(word) for word in value)

    service = {k: Setting(fill(s.value), s.priority) for k, s in unit.service.items()}
    return replace(unit, name=name, service=MappingProxyType(service))
