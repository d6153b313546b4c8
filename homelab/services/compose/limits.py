"""Limits of a container of a compose file: its memory and its processors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.config.service_parts import LEAST_CPUS, LEAST_MEMORY, MOST_CPUS
from homelab.services.compose.reading import ComposeFile, Place, Tree

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LEAST = LEAST_MEMORY // 2**20
"""MiB that a limit of the stack has at least."""


def limits_of(file: ComposeFile, at: Place, stated: Mapping[str, Tree]) -> dict[str, object]:
    """The limits that a container states, itself or below `deploy`. 0 is none."""
    made: dict[str, object] = {}
    for place, text in _stated(at, stated, "mem_limit", "memory"):
        mebibytes = mebibytes_of(text)
        if mebibytes is None or 0 < mebibytes < _LEAST:
            file.note(
                place,
                f"{text} is no limit of memory here",
                f"write limits: {{memory: 512 MiB}}, at least {_LEAST} MiB",
            )
        elif mebibytes:
            made["memory"] = f"{mebibytes} MiB"
    for place, text in _stated(at, stated, "cpus", "cpus"):
        count = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else -1
        if LEAST_CPUS <= count <= MOST_CPUS:
            made["cpus"] = int(count) if count == int(count) else count
        elif count:
            file.note(place, f"{text} is no number of processors", "write limits: {cpus: 1.5}")
    return made


def _stated(
    at: Place, stated: Mapping[str, Tree], key: str, below: str
) -> Iterator[tuple[Place, str]]:
    """The texts of one limit; that of the container itself comes last, and holds."""
    found: Tree = dict(stated)
    path = ("deploy", "resources", "limits", below)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        yield (*at, *path), found
    if isinstance(own := stated.get(key), str):
        yield (*at, key), own


def mebibytes_of(text: str) -> int | None:
    """A size of a compose file (`512m`, `1.5gb`, bytes), in whole MiB; its units are powers of
    1024. None for other text.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    size = float(found[1]) * 1024 ** _POWERS[found[2].lower()]
    return -int(-size // 2**20)
