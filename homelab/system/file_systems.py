"""File systems that a host's own modules name: read as text, since nobody evaluates them here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

_NAMED = re.compile(
    r'fileSystems\s*\.\s*"(/[^"]*)"|^\s*"(/[^"]*)"\s*=\s*\{|mountpoint\s*=\s*"(/[^"]*)"',
    re.MULTILINE,
)


def file_systems(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> set[str]:
    """Mount points that the host's own modules name."""
    found = (m for text in own_texts(plan, host, sources) for m in _NAMED.finditer(text))
    return {next(g for g in m.groups() if g) for m in found}


def own_texts(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> Iterator[str]:
    """The text of every hand-written module that travels to the host."""
    from homelab.render import own_paths

    for path in own_paths(plan, host):
        for name, text in sources.items():
            if (name == path or name.startswith(f"{path}/")) and isinstance(text, str):
                yield text


def is_within(path: str, top: str) -> bool:
    """Whether a path is a directory or lies below it."""
    return PurePosixPath(path).is_relative_to(top)
