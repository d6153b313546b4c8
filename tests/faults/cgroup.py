"""A cgroup per machine: systemd wants one to itself, and two machines never share."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_NAME = "homelab-faults"


def _hierarchies() -> list[Path]:
    """Where systemd keeps its own groups: one hierarchy, or with version 1 two."""
    split = [_ROOT / "systemd", _ROOT / "unified"]
    return [path for path in split if path.is_dir()] or [_ROOT]


def why_not() -> str:
    """Why no group can be made here; empty when one can."""
    for path in _hierarchies():
        if not os.access(path, os.W_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
            return f"{path} cannot be written to; in a container, they need --privileged"
    return ""


def make(name: str) -> list[Path]:
    """The group's directories, made; a process joins by its number in each `cgroup.procs`."""
    groups = [path / f"{_NAME}-{name}" for path in _hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def sweep(name: str = "") -> None:
    """Remove what is left of one machine, or of all whose processes have ended."""
    for path in _hierarchies():
        for group in path.glob(f"{_NAME}-{name or '*'}"):
            # Some vanish by themselves meanwhile, which this walk does not mind.
            for directory, _, _ in os.walk(group, topdown=False):
                # One that is busy belongs to a run beside this one.
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()
