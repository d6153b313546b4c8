"""File systems of the stack, mounted by the kernel with the options that homelab writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.disks.model import FileSystem
from tests import build

STICK = {"device": "/dev/disk/by-id/usb-Maker_0005-0:0", "optional": True}


def run(*words: str | Path) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


def can_mount(directory: Path) -> bool:
    """Whether this machine has loop devices and may mount."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("losetup", "mkfs.ext4", "mkfs.btrfs"))):
        return False
    (directory / "probe").mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "none", directory / "probe"], capture_output=True, check=False
    )
    if done.returncode == 0:
        run("umount", directory / "probe")
    free = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return done.returncode == 0 and free.returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """An empty loop device."""
    if not can_mount(tmp_path):
        pytest.skip("this machine has no loop devices, or may not mount")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(400 * 2**20)
    device = run("losetup", "--find", "--show", image).strip()
    yield device
    run("losetup", "--detach", device)


def systems(**mounts: object) -> tuple[FileSystem, ...]:
    stated = {f"/mnt/{name}": said for name, said in mounts.items()}
    host = {"disks": {"stick": STICK}, "file_systems": stated}
    return build.plan({"hosts": {"nas": host}}).hosts["nas"].file_systems


def mounted(system: FileSystem, device: str, top: Path) -> Iterator[tuple[Path, str]]:
    """The file system at a directory, and the options that the kernel reports."""
    place = top / system.mount.rpartition("/")[2]
    place.mkdir()
    run("mount", "-t", system.kind, "-o", ",".join(system.options), device, place)
    try:
        yield place, run("findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", str(place))
    finally:
        run("umount", place)


@pytest.mark.requirement("S0-41")
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_file_system_mounts_with_its_options(kind: str, disk: str, tmp_path: Path) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"there is no mkfs.{kind} on PATH")
    run(f"mkfs.{kind}", "-q", disk)
    (system,) = systems(a={"disk": "stick", "fs": kind, "options": ["noatime"]})
    for place, found in mounted(system, disk, tmp_path):
        assert kind in found
        assert "noatime" in found
        (place / "file").write_text("kept", encoding="utf-8")


@pytest.mark.requirement("S0-41")
def test_subvolumes_of_one_partition_are_different_places(disk: str, tmp_path: Path) -> None:
    run("mkfs.btrfs", "-q", disk)
    top = tmp_path / "top"
    top.mkdir()
    run("mount", disk, top)
    for name in ("a", "b"):
        run("btrfs", "subvolume", "create", top / name)
    run("umount", top)
    one = {"disk": "stick", "fs": "btrfs"}
    first, second = systems(
        a={**one, "subvolume": "a", "options": ["compress=zstd"]}, b={**one, "subvolume": "b"}
    )
    for place, found in mounted(first, disk, tmp_path):
        assert "subvol=/a" in found
        assert "compress=zstd" in found
        (place / "file").write_text("in a", encoding="utf-8")
    for place, found in mounted(second, disk, tmp_path):
        assert "subvol=/b" in found
        assert not (place / "file").exists()


def test_a_file_system_in_memory_has_its_size_and_mode(disk: str, tmp_path: Path) -> None:
    (system,) = systems(a={"fs": "tmpfs", "size": "64 MiB"})
    for place, found in mounted(system, system.what, tmp_path):
        assert "size=65536k" in found
        assert place.stat().st_mode & 0o7777 == 0o755
