"""Snapshots and quotas of datasets, with real btrfs and btrbk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homelab.storage.snapshots import SCRIPT, retention
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import settings
from tests.storage.disks import bash, btrbk_conf, mounted, need_btrfs, run, snapshots_in


def photos(mount: Path | str = "/mnt/family", **stated: object) -> Changes:
    found = {
        "host": "aurora",
        "path": f"{mount}/photos",
        "mount": str(mount),
        "tier": "irreplaceable",
        "fs": "btrfs",
        **stated,
    }
    return household({"datasets": {"photos": found}})


def option(changes: Changes, path: str, directory: Path) -> Any:
    """An option of aurora."""
    return dict(settings(build.plan(changes), path, directory)).get("aurora")


def kept(changes: Changes, directory: Path) -> str:
    return str(
        option(changes, "services.btrbk.instances.photos.settings.snapshot_preserve", directory)
    )


@pytest.mark.requirement("S0-38")
def test_retention_follows_the_tier_and_the_schedule(tmp_path: Path) -> None:
    assert kept(photos(), tmp_path) == "14d 8w 6m"
    assert kept(photos(snapshot="hourly"), tmp_path) == "24h 14d 8w 6m"
    assert kept(photos(tier="user", backup="elsewhere"), tmp_path) == "14d 4w"
    keep = {"every": "hourly", "keep": {"hourly": 3, "yearly": 2}}
    assert kept(photos(snapshot=keep), tmp_path) == "3h 2y"


@pytest.mark.requirement("S0-38")
def test_a_dataset_that_becomes_re_derivable_has_no_snapshots(tmp_path: Path) -> None:
    assert option(photos(), "services.btrbk.instances", tmp_path).keys() == {"photos"}
    assert option(photos(tier="re-derivable"), "services.btrbk.instances", tmp_path) is None
    assert option(photos(snapshot="none"), "services.btrbk.instances", tmp_path) is None
    asked = photos(tier="re-derivable", snapshot="daily")
    assert option(asked, "services.btrbk.instances", tmp_path).keys() == {"photos"}


@pytest.mark.requirement("S0-38")
@pytest.mark.parametrize("fs", ["ext4", "xfs", None])
def test_a_snapshot_or_quota_on_another_file_system_is_refused(fs: str | None) -> None:
    for asked in ({"snapshot": "hourly"}, {"quota": "1 TB"}):
        (problem,) = build.found(photos(fs=fs, **asked), "snapshot-fs")
        assert "btrfs" in problem.way_out
    assert build.found(photos(fs=fs), "snapshot-fs") == []
    assert build.found(photos(fs=fs, snapshot="none"), "snapshot-fs") == []


def test_zfs_snapshots_are_made_by_sanoid(tmp_path: Path) -> None:
    changes = photos(fs=None, zfs="tank/photos", snapshot="hourly")
    sanoid = option(changes, "services.sanoid", tmp_path)
    assert sanoid["datasets"]["tank/photos"] == {
        "autosnap": True,
        "autoprune": True,
        "hourly": 24,
        "daily": 14,
        "weekly": 8,
        "monthly": 6,
        "yearly": 0,
    }
    assert option(changes, "services.btrbk.instances", tmp_path) is None


def test_backups_leave_out_the_snapshots_of_a_dataset() -> None:
    """Each snapshot would be a further copy of every file in the repository."""
    changes = photos("/mnt/photos", path="/mnt/photos")
    (job,) = {j.exclude for j in build.plan(changes).backup.jobs if j.name == "dataset-photos"}
    assert "/mnt/photos/.snapshots" in job


# --- with real btrfs ------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    need_btrfs()
    with mounted(tmp_path / "family") as place:
        yield place


def prepare(changes: Changes, directory: Path) -> tuple[int, str]:
    """Run the unit that prepares the dataset: its status and message."""
    script = option(changes, "systemd.services.dataset-photos.script", directory)
    (directory / "quotas").mkdir(exist_ok=True)
    (directory / "lib").mkdir(exist_ok=True)
    (directory / SCRIPT[0]).write_text(SCRIPT[1])
    done = bash(script, HOMELAB_QUOTAS=str(directory / "quotas"))
    return done.returncode, done.stderr


@pytest.mark.requirement("S0-38")
def test_btrbk_makes_read_only_snapshots_and_keeps_as_many_as_it_should(
    disk: Path, tmp_path: Path
) -> None:
    run("btrfs", "subvolume", "create", disk / "photos")
    (disk / "photos/cat.jpg").write_text("first")
    changes = photos(disk, snapshot={"every": "hourly", "keep": {"hourly": 1}})
    assert prepare(changes, tmp_path) == (0, "")
    conf = tmp_path / "btrbk.conf"
    instance = option(changes, "services.btrbk.instances.photos", tmp_path)
    assert instance["onCalendar"] == "hourly"
    conf.write_text(btrbk_conf(instance["settings"]))
    run("btrbk", "-c", conf, "run")
    (first,) = snapshots_in(disk / ".snapshots")
    assert re.fullmatch(r"photos\.\d{8}T\d{6}[+-]\d{4}", first)
    (disk / "photos/cat.jpg").write_text("second")
    assert (disk / ".snapshots" / first / "cat.jpg").read_text() == "first"
    with pytest.raises(OSError, match="Read-only"):
        (disk / ".snapshots" / first / "cat.jpg").write_text("spoiled")
    # An older snapshot than the retention leaves with the next run.
    old = disk / ".snapshots/photos.20200101T000000+0000"
    run("btrfs", "subvolume", "snapshot", "-r", disk / "photos", old)
    run("btrbk", "-c", conf, "run")
    left = snapshots_in(disk / ".snapshots")
    assert old.name not in left
    assert left


@pytest.mark.requirement("S0-38")
def test_a_plain_directory_is_refused_with_the_commands_that_make_it_a_subvolume(
    disk: Path, tmp_path: Path
) -> None:
    (disk / "photos").mkdir()
    (disk / "photos/cat.jpg").write_text("cat")
    status, message = prepare(photos(disk), tmp_path)
    assert status == 1
    assert "only a subvolume can have snapshots" in message
    commands = message.partition("then: ")[2].partition(";")[0]
    done = bash(commands)
    assert done.returncode == 0, done.stderr
    assert (disk / "photos/cat.jpg").read_text() == "cat"
    assert prepare(photos(disk), tmp_path) == (0, "")


@pytest.mark.requirement("S0-38")
def test_a_quota_limits_a_dataset_and_is_lifted_when_it_leaves_the_stack(
    disk: Path, tmp_path: Path
) -> None:
    run("btrfs", "subvolume", "create", disk / "photos")
    changes = photos(disk, quota="20 MB")
    assert prepare(changes, tmp_path) == (0, "")
    assert prepare(changes, tmp_path) == (0, "")
    with pytest.raises(OSError, match="quota"):
        (disk / "photos/big").write_bytes(b"x" * 40_000_000)
    (disk / "photos/big").unlink()
    assert prepare(photos(disk), tmp_path) == (0, "")
    run("btrfs", "filesystem", "sync", disk)
    (disk / "photos/big").write_bytes(b"x" * 40_000_000)


def test_a_quota_that_somebody_set_by_hand_stays(disk: Path, tmp_path: Path) -> None:
    run("btrfs", "subvolume", "create", disk / "photos")
    run("btrfs", "quota", "enable", disk)
    run("btrfs", "qgroup", "limit", "20M", disk / "photos")
    assert prepare(photos(disk), tmp_path) == (0, "")
    assert "20.00MiB" in run("btrfs", "qgroup", "show", "-r", disk / "photos")


def test_a_dataset_on_another_file_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    status, message = prepare(photos(tmp_path), tmp_path)
    assert status == 1
    assert "is not on btrfs" in message


def test_a_snapshot_directory_on_another_disk_is_refused(disk: Path, tmp_path: Path) -> None:
    with mounted(disk / "photos"):
        status, message = prepare(photos(disk), tmp_path)
    assert status == 1
    assert f"mount: {disk}/photos" in message


def test_a_retention_is_written_as_btrbk_reads_it() -> None:
    keep = build.plan(photos(snapshot="hourly")).datasets[0].snapshots
    assert keep is not None
    assert retention(keep.keep) == "24h 14d 8w 6m"


def test_what_a_host_knows_of_its_datasets_survives_a_wiped_root(tmp_path: Path) -> None:
    """Without it, a quota that leaves the stack would stay."""
    unit = option(photos(quota="1 TB"), "systemd.services.dataset-photos", tmp_path)
    assert unit["serviceConfig"]["StateDirectory"] == "homelab/datasets"
    wiped = household(photos(), {"hosts": {"aurora": {"persistence": {"root": "/persist"}}}})
    assert 'fileSystems."/var/lib/homelab"' in build.render(wiped)["aurora"]["impermanence.nix"]


@pytest.mark.requirement("S0-38", "S1-37")
def test_a_disk_that_may_be_absent_fails_no_unit_of_its_datasets(tmp_path: Path) -> None:
    disk = {"device": "/dev/disk/by-id/usb-WD_1", "optional": True}
    place = {"disk": "usb", "fs": "btrfs"}
    changes = household(
        photos("/mnt/usb"),
        {"hosts": {"aurora": {"disks": {"usb": disk}, "file_systems": {"/mnt/usb": place}}}},
    )
    for name in ("dataset-photos", "btrbk-photos"):
        unit = option(changes, f"systemd.services.{name}.unitConfig", tmp_path)
        assert "RequiresMountsFor" not in unit, name
        assert unit["WantsMountsFor"] == ["/mnt/usb"], name
        assert unit["ConditionPathExists"] == ["/dev/disk/by-id/usb-WD_1"], name


def test_the_file_system_of_a_host_is_that_of_its_datasets(tmp_path: Path) -> None:
    """A subvolume of its own has snapshots by default; a directory below has them if asked."""

    def found(path: str, **stated: object) -> object:
        disks = {"disks": {"data": "/dev/disk/by-id/ata-WD_1"}}
        systems = {"file_systems": {"/mnt/family": {"disk": "data", "fs": "btrfs"}}}
        changes = household(
            photos(),
            {"hosts": {"aurora": {**disks, **systems}}},
            {"datasets": {"photos": {"path": path, "mount": None, "fs": None, **stated}}},
        )
        assert build.found(changes, "snapshot-fs") == []
        return option(changes, "services.btrbk.instances", tmp_path)

    assert found("/mnt/family") is not None
    assert found("/mnt/family/photos") is None
    assert found("/mnt/family/photos", snapshot="daily") is not None
