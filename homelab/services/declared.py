"""The NixOS options in a service's `options`, flattened: one path and one value each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.catalog.references import reference
from homelab.config.service_base import ServiceConfig

PART = r'(?:"[^"]+"|[^\s."]+)'


@dataclass(frozen=True)
class DeclaredOption:
    """One option with its value. An empty set and a `$` reference are values."""

    key: str
    """Its key in the stack config."""
    path: tuple[str, ...]
    """Parts of its path, without quotes."""
    value: object
    forced: bool = False
    """Whether `$force` puts it in place of every other value."""

    @property
    def name(self) -> str:
        """The parts with dots between them."""
        return ".".join(self.path)


def path_parts(path: str) -> tuple[str, ...]:
    """The parts of an option's path, without quotes."""
    return tuple(part.strip('"') for part in re.findall(PART, path))


def declared_options(config: ServiceConfig) -> Iterator[DeclaredOption]:
    """All options that the stack config sets for a service, sorted by key."""
    yield from flattened(config.options)


def flattened(options: Mapping[str, object]) -> Iterator[DeclaredOption]:
    """One option for each value in nested options, sorted by key."""
    for key, value in sorted(options.items()):
        for path, inner, forced in _leaves(path_parts(key), value):
            yield DeclaredOption(key, path, inner, forced)


def declares(config: ServiceConfig, name: str) -> bool:
    """Whether the stack config sets an option or one below it."""
    path = path_parts(name)
    return any(
        s.value is not None and s.path[: len(path)] == path for s in declared_options(config)
    )


def _leaves(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object, bool]]:
    found = reference(value)
    if found is not None and found[0] == "$force":
        # The checks see what it sets.
        for below, inner, _ in _leaves(path, found[1]):
            yield below, inner, True
    elif isinstance(value, Mapping) and value and found is None:
        for key, inner in value.items():
            yield from _leaves((*path, str(key)), inner)
    else:
        yield path, value, False
