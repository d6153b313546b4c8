"""A cgroup per machine, because systemd needs its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_NAME = "homelab-faults"


def _hierarchies() -> list[Path]:
    """The cgroup hierarchies of systemd: one, or two with version 1."""
    split = [_ROOT / "systemd", _ROOT / "unified"]
    return [path for path in split if path.is_dir()] or [_ROOT]


def why_not() -> str:
    """Why no cgroup can be created, or an empty text."""
    for path in _hierarchies():
        if not os.access(path, os.W_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
            return f"{path} cannot be written to; in a container, they need --privileged"
    return ""


def make(name: str) -> list[Path]:
    """Create the group's directories. A process joins by its id in each `cgroup.procs`."""
    groups = [path / f"{_NAME}-{name}" for path in _hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def sweep(name: str = "") -> None:
    """Remove the groups of one machine, or of all machines whose processes have ended."""
    for path in _hierarchies():
        for group in path.glob(f"{_NAME}-{name or '*'}"):
            # Groups may disappear during this walk.
            for directory, _, _ in os.walk(group, topdown=False):
                # A busy group belongs to another run.
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()
