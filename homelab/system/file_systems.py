"""File systems that a host's own modules name: read as text, since nobody evaluates them here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from homelab.system.own import carried

if TYPE_CHECKING:
    from homelab.system.model import Host

_NAMED = re.compile(
    r'fileSystems\s*\.\s*"(/[^"]*)"|^\s*"(/[^"]*)"\s*=\s*\{|mountpoint\s*=\s*"(/[^"]*)"',
    re.MULTILINE,
)

_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_ROOT = re.compile(r'"/"\s*(\.\s*fsType\s*=\s*"[^"]*"|=\s*\{[^}]*\})')
_ROLLED_BACK = re.compile(
    r"btrfs\s+subvolume\s+(delete|snapshot)|(zfs|bcachefs)\s+(rollback|subvolume\s+snapshot)"
    r"|lvconvert\s+--merge|\bmkfs\b|\bmkfs\.[a-z0-9]+"
)


def file_systems(host: Host, sources: Mapping[str, str | bytes]) -> set[str]:
    """Mount points that the host's own modules name."""
    found = (m for text in own_texts(host, sources) for m in _NAMED.finditer(text))
    return {next(g for g in m.groups() if g) for m in found}


def own_texts(host: Host, sources: Mapping[str, str | bytes]) -> Iterator[str]:
    """The text of every hand-written file that travels to the host, without lines of comment."""
    for text in carried(host, sources).values():
        if isinstance(text, str):
            yield _COMMENT.sub("", text)


def root_type(host: Host, sources: Mapping[str, str | bytes]) -> str:
    """`fsType` of the root file system; empty where the host's own modules do not say."""
    for text in own_texts(host, sources):
        for found in _ROOT.finditer(text):
            kind = re.search(r'fsType\s*=\s*"([^"]+)"', found[0])
            if kind:
                return kind[1]
    return ""


def is_rolled_back(host: Host, sources: Mapping[str, str | bytes]) -> bool:
    """Whether an own module empties the root at each start, by a snapshot or a new file system."""
    return any(_ROLLED_BACK.search(text) for text in own_texts(host, sources))


def is_within(path: str, top: str) -> bool:
    """Whether a path is a directory or lies below it."""
    return PurePosixPath(path).is_relative_to(top)
