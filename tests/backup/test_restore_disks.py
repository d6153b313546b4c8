"""A restore in place needs the disk of each path that needs one, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backup.restores import Restored

pytestmark = pytest.mark.long


@pytest.fixture
def host(tmp_path: Path) -> Restored:
    made = Restored(tmp_path)
    made.settings["HOMELAB_FSTAB"] = str(tmp_path / "fstab")
    (made.data / "notes.txt").write_text("first")
    made.backup()
    (made.data / "notes.txt").write_text("second")
    return made


def with_fstab(host: Restored, *places: str, mounts: str = "") -> None:
    """The host has these mount points, and the job a path that needs its disk."""
    lines = [f"/dev/x{i} {place} ext4 defaults 0 2" for i, place in enumerate(places)]
    text = "\n".join(["# generated", "/dev/y none swap defaults 0 0", "", *lines])
    (host.top / "fstab").write_text(f"{text}\n")
    host.describe(mounts=[mounts or str(host.data)])


def test_a_path_below_a_disk_that_is_not_mounted_stops_a_restore(host: Restored) -> None:
    with_fstab(host, "/", str(host.data.parent))
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert f"{host.data.parent} is not mounted; mount it first" in done.stderr
    assert (host.data / "notes.txt").read_text() == "second"
    assert not host.log.exists() or "stop" not in host.log.read_text()


def test_a_path_on_the_root_is_restored_though_it_is_no_mount_point(host: Restored) -> None:
    with_fstab(host, "/", f"{host.data}er", "/proc")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "first"
    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "second"


def test_a_path_below_a_mounted_disk_is_restored(host: Restored) -> None:
    # Below a mount point of every Linux machine.
    with_fstab(host, "/", "/proc", mounts="/proc/self")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr


def test_the_nearest_disk_counts_and_its_name_may_have_a_space(host: Restored) -> None:
    with_fstab(host, "/proc", "/proc/my\\040disk", mounts="/proc/my disk/app")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert "/proc/my disk is not mounted" in done.stderr


def test_a_pool_of_zfs_that_is_not_mounted_stops_a_restore(host: Restored) -> None:
    with_fstab(host, "/")
    host.program("zfs", f"#!/bin/sh\necho legacy\necho none\necho {host.data.parent}\n")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert f"{host.data.parent} is not mounted; mount it first" in done.stderr
