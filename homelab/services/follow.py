"""State that an option of the stack config moves: what is kept of it follows."""

from __future__ import annotations

from dataclasses import replace

from homelab.catalog.model import Entry
from homelab.config.services import ServiceConfig
from homelab.services.said import said_of


def followed(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry with its state where options of the stack config say that it lies.

    A relative directory is below /var/lib, as in the modules that take one.
    """
    at = entry.state_at
    # The innermost first: it is a part of what the outer ones move.
    said_here = (s for s in said_of(config) if s.name in at)
    for said in sorted(said_here, key=lambda s: len(at[s.name]), reverse=True):
        here = at[said.name]
        if isinstance(said.value, str) and said.value:
            there = said.value if said.value.startswith("/") else f"/var/lib/{said.value}"
            entry = _moved(entry, here, there.rstrip("/") or "/")
    return entry


def _moved(entry: Entry, here: str, there: str) -> Entry:
    def at(path: str) -> str:
        within = path == here or path.startswith(f"{here}/")
        return there + path.removeprefix(here) if within else path

    state, keeps = tuple(map(at, entry.state)), entry.keeps
    if state == entry.state and here != there:
        # A part of it has a directory of its own, kept as it was inside.
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
