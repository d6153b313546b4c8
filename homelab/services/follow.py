"""State directories that an option of the stack config moves: backups and dumps follow."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from homelab.catalog.model import Entry
from homelab.config.fact_dumps import Dump
from homelab.config.service_base import ServiceConfig
from homelab.services.declared import DeclaredOption, declared_options

_LIB, _PRIVATE = "/var/lib", "/var/lib/private"


def followed(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry with its state in the directories that options of the stack config set."""
    at = entry.state_at
    stated = [s for s in declared_options(config) if isinstance(s.value, str) and s.value]
    # The innermost directory first, because the outer ones contain it.
    options = (s for s in stated if s.name in at)
    for option in sorted(options, key=lambda s: len(at[s.name]), reverse=True):
        there = moved_to(entry, str(option.value))
        if option.name in entry.static_user_at and there != at[option.name]:
            entry = entry.model_copy(update={"dynamic_user": False})
        entry = _moved(entry, at[option.name], there)
    for option in stated:
        if option.name in entry.state_file_at:
            file = moved_to(entry, str(option.value))
            entry = _with_file(entry, entry.state_file_at[option.name], file)
    return entry


def stated_at(entry: Entry, config: ServiceConfig) -> Iterator[tuple[DeclaredOption, str]]:
    """The options of the stack config that say where state lies, each with the directory."""
    for option in declared_options(config):
        if isinstance(option.value, str) and option.value:
            place = moved_to(entry, option.value)
            if option.name in entry.state_at:
                yield option, place
            elif option.name in entry.state_file_at:
                yield option, posixpath.dirname(place)


def moved_to(entry: Entry, value: str) -> str:
    """The directory that an option with this value moves state to.

    A relative directory is below /var/lib, as in the modules that accept one. For a unit with
    DynamicUser, /var/lib/NAME is a link to /var/lib/private/NAME, and a backup of a link has none
    of the files.
    """
    path = (value if value.startswith("/") else f"{_LIB}/{value}").rstrip("/") or "/"
    if entry.dynamic_user:
        for directory in entry.state:
            link = _LIB + directory.removeprefix(_PRIVATE)
            if directory.startswith(f"{_PRIVATE}/") and _is_within(path, link):
                return directory + path.removeprefix(link)
    return path


def _is_within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")


def _moved(entry: Entry, here: str, there: str) -> Entry:
    def at(path: str) -> str:
        return there + path.removeprefix(here) if _is_within(path, here) else path

    state, persist = tuple(map(at, entry.state)), entry.persist
    key = entry.api_key
    if state == entry.state and here != there:
        # A subdirectory got a directory of its own, and persist its exclusions.
        if here in entry.exclude or any(_is_within(here, k) for k in persist):
            persist = (*persist, there)
        else:
            state = (*state, there)
    return entry.model_copy(
        update={
            "state": state,
            "persist": tuple(map(at, persist)),
            "exclude": tuple(map(at, entry.exclude)),
            "dumps": tuple(d.at(at(d.source)) for d in entry.dumps),
            "api_key": key and key.model_copy(update={"file": key.file and at(key.file)}),
        }
    )


def _with_file(entry: Entry, here: str, there: str) -> Entry:
    """The entry with its database in another file, which is dumped there. A file without a dump is
    one beside which the whole state lies.
    """
    if here and all(d.source != here for d in entry.dumps):
        entry = _moved(entry, posixpath.dirname(here), posixpath.dirname(there))
        key = entry.api_key
        if key is not None and posixpath.basename(key.file) == posixpath.basename(here):
            entry = entry.model_copy(update={"api_key": key.model_copy(update={"file": there})})
        return entry
    if here:
        dumps = tuple(d.at(there) if d.source == here else d for d in entry.dumps)
    else:
        dumps = (*entry.dumps, Dump.of("sqlite", there))
    top = posixpath.dirname(there)
    inside = any(_is_within(top, directory) for directory in entry.state)
    state = entry.state if inside else (*entry.state, top)
    return entry.model_copy(
        update={
            "state": state,
            "dumps": dumps,
            "stateless": entry.stateless if here else "",
        }
    )
