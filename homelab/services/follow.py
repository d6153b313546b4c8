"""State directories that an option of the stack config moves: backups and dumps follow."""

from __future__ import annotations

from dataclasses import replace

from homelab.catalog.model import Entry
from homelab.config.services import ServiceConfig
from homelab.services.said import said_of


def followed(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry with its state in the directories that options of the stack config set."""
    at = entry.state_at
    # The innermost directory first, because the outer ones contain it.
    options = (s for s in said_of(config) if s.name in at)
    for option in sorted(options, key=lambda s: len(at[s.name]), reverse=True):
        here = at[option.name]
        if isinstance(option.value, str) and option.value:
            entry = _moved(entry, here, moved_to(option.value))
    return entry


def moved_to(value: str) -> str:
    """The directory that an option with this value moves state to.

    A relative directory is below /var/lib, as in the modules that accept one.
    """
    return (value if value.startswith("/") else f"/var/lib/{value}").rstrip("/") or "/"


def _moved(entry: Entry, here: str, there: str) -> Entry:
    def at(path: str) -> str:
        within = path == here or path.startswith(f"{here}/")
        return there + path.removeprefix(here) if within else path

    state, keeps = tuple(map(at, entry.state)), entry.keeps
    if state == entry.state and here != there:
        # A subdirectory got a directory of its own, and keeps its exclusions.
        if here in entry.exclude:
            keeps = (*keeps, there)
        else:
            state = (*state, there)
    return replace(
        entry,
        state=state,
        keeps=tuple(map(at, keeps)),
        exclude=tuple(map(at, entry.exclude)),
        dumps=tuple(replace(d, source=at(d.source)) for d in entry.dumps),
    )
