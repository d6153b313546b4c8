"""File systems of btrfs on loop devices, and btrbk's configuration as NixOS writes it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.tools.programs import need

_ORDER = {"target": 1, "subvolume": 2, "volume": 3}


def need_btrfs() -> None:
    """Skip the test without root, or where the kernel has no btrfs."""
    for program in ("btrfs", "btrbk", "mkfs.btrfs", "findmnt"):
        need(program)
    if os.geteuid() != 0 or "btrfs" not in Path("/proc/filesystems").read_text():
        pytest.skip("mounting btrfs needs root and a kernel with it")


def run(*words: str | Path, **more: Any) -> str:
    """Standard output of a program that must succeed."""
    done = subprocess.run(
        [str(w) for w in words], capture_output=True, text=True, check=False, **more
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def mounted(place: Path, megabytes: int = 300) -> Iterator[Path]:
    """A new btrfs, mounted at this directory."""
    image = place.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    run("mkfs.btrfs", "-q", image)
    place.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no loop device: {done.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)
        image.unlink()


def btrbk_conf(settings: Mapping[str, Any], backend: str = "btrfs-progs") -> str:
    """btrbk's file as the NixOS module writes it: options first, then sections from the inside."""
    lines = (line for pair in _sorted({"backend": backend, **settings}) for line in _pair(*pair))
    return "\n".join(lines) + "\n"


def _sorted(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(
        sorted(settings.items()),
        key=lambda pair: _ORDER[pair[0]] if isinstance(pair[1], Mapping) else 0,
    )


def _pair(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{name} {value}"
        return
    for section, inside in value.items():
        yield f"{name} {section}"
        for pair in _sorted(inside):
            yield from (f" {line}" for line in _pair(*pair))


def snapshots_in(directory: Path) -> list[str]:
    """Names of the subvolumes in a directory."""
    return sorted(p.name for p in directory.iterdir()) if directory.exists() else []


def bash(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a unit's script as NixOS does."""
    return subprocess.run(
        [shutil.which("bash") or "bash", "-e", "-c", script],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
