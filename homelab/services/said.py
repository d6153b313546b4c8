"""What the stack config says of options, taken apart: one path and one value each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.config.services import ServiceConfig

PART = r'(?:"[^"]+"|[^\s."]+)'


@dataclass(frozen=True)
class Said:
    """One option with its value; a set with nothing in it, and a `$` word, is a value."""

    key: str
    """What it stands under in the stack config."""
    path: tuple[str, ...]
    """Its parts, without the quotes that some stand in."""
    value: object

    @property
    def name(self) -> str:
        """The parts with dots between them."""
        return ".".join(self.path)


def keys_of(path: str) -> tuple[str, ...]:
    """The parts of an option's path, without the quotes that some stand in."""
    return tuple(part.strip('"') for part in re.findall(PART, path))


def is_word(value: object) -> bool:
    """Whether it is one of the words for what only the plan knows: `{$port: web}`."""
    return isinstance(value, Mapping) and len(value) == 1 and str(next(iter(value))).startswith("$")


def said_of(config: ServiceConfig) -> Iterator[Said]:
    """Every option that the stack config says of a service, by its key."""
    for key, value in sorted(config.options.items()):
        for path, inner in _leaves(keys_of(key), value):
            yield Said(key, path, inner)


def says(config: ServiceConfig, name: str) -> bool:
    """Whether an option is said there outright, or one below it."""
    return any(
        s.value is not None and (s.name == name or s.name.startswith(f"{name}."))
        for s in said_of(config)
    )


def _leaves(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping) and value and not is_word(value):
        for key, inner in value.items():
            yield from _leaves((*path, str(key)), inner)
    else:
        yield path, value
