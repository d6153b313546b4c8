"""A file system of btrfs on a loop device, for tests that run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def run(*words: str | Path) -> str:
    """The output of a command that must succeed."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def btrfs(directory: Path) -> Iterator[tuple[str, Path]]:
    """The device, and the directory where the top of the new file system is mounted. Skips the test
    on a machine without loop devices.
    """
    if os.geteuid() != 0 or not all(map(shutil.which, ("btrfs", "losetup", "mkfs.btrfs"))):
        pytest.skip("btrfs needs root, loop devices and its programs")
    image, top = directory / "disk.img", directory / "top"
    with image.open("wb") as file:
        file.truncate(200 * 2**20)
    try:
        device = run("losetup", "--find", "--show", image).strip()
    except subprocess.CalledProcessError:
        pytest.skip("this machine has no loop devices")
    top.mkdir()
    try:
        run("mkfs.btrfs", "-q", device)
        run("mount", "-o", "subvolid=5", device, top)
        try:
            yield device, top
        finally:
            run("umount", top)
    finally:
        run("losetup", "--detach", device)
