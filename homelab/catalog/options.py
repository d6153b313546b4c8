"""Which of an entry's options hold for a release."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from homelab.catalog.model import Entry
from homelab.config.service_parts import Gpu


def options_of(entry: Entry, release: str, gpu: Gpu | None = None) -> Mapping[str, JsonValue]:
    """The options for a host pinned to this release: later ones win, absent ones are left out."""
    facts: dict[str, JsonValue] = dict(entry.options)
    for since, more in sorted(entry.options_since.items()):
        if release >= since:
            facts |= more
    if gpu is not None:
        facts |= entry.options_gpu.get(gpu, {})
    return {path: fact for path, fact in sorted(facts.items()) if not lacks(entry, path, release)}


def lacks(entry: Entry, path: str, release: str) -> str:
    """Why a release lacks an option, as far as the catalog knows: empty when it does not."""
    for known, first in entry.added.items():
        if _covers(known, path) and release < first:
            return f"came with {first}"
    for known, first in entry.removed.items():
        if _covers(known, path) and release >= first:
            return f"is gone since {first}"
    return ""


def _covers(known: str, path: str) -> bool:
    """Whether a path is a known option or a part of it."""
    return path == known or path.startswith(f"{known}.")
