"""The catalog: the facts of each service, one file of `entries/` per service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from homelab.catalog.model import Entry
from homelab.config.document import read_mapping

_FILES = Path(str(resources.files("homelab.catalog"))) / "entries"


class _Entries(Mapping[str, Entry]):
    """Every entry by name, sorted. A file is read when its entry is asked for."""

    def __getitem__(self, name: str) -> Entry:
        entry = find(name)
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())

    def __contains__(self, name: object) -> bool:
        return name in names()


ENTRIES: Mapping[str, Entry] = _Entries()


@cache
def names() -> dict[str, Path]:
    """The names of all entries, sorted, with their files."""
    return {path.stem: path for path in sorted(_FILES.glob("*.yaml"))}


@cache
def of_module(module: str) -> tuple[Entry, ...]:
    """The entries that have options of a NixOS module, `services.MODULE`. No other is parsed."""
    option = re.compile(rf"\bservices\.{re.escape(module)}(?![\w-])")
    found = (find(name) for name, text in _texts().items() if option.search(text))
    return tuple(entry for entry in found if entry is not None)


@cache
def _texts() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in names().items()}


@cache
def find(name: str) -> Entry | None:
    """The entry of this name; None if the catalog has none."""
    path = names().get(name)
    if path is None:
        return None
    facts = {"name": name, **read_mapping(path, path.name).values}
    before = facts.pop("before", None)
    former = before if isinstance(before, dict) else {}
    whole = {r: {**facts, **other} for r, other in former.items() if isinstance(other, dict)}
    return Entry.model_validate({**facts, "before": whole})
