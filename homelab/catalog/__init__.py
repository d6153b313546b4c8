"""What is known of each service: one entry per file of `entries/`, facts without a site."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from homelab.catalog import entries
from homelab.catalog.model import Entry


def _load() -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for module in pkgutil.iter_modules(entries.__path__):
        entry: Entry = importlib.import_module(f"{entries.__name__}.{module.name}").ENTRY
        found[entry.name] = entry
    return MappingProxyType(dict(sorted(found.items())))


ENTRIES: Mapping[str, Entry] = _load()
"""Every entry, by name."""


def find(name: str) -> Entry | None:
    """The entry of this name."""
    return ENTRIES.get(name)
