"""Backups and restores of an app on a machine: corruption, bad targets, another machine."""

from __future__ import annotations

import pytest

from tests.faults.machine import eventually
from tests.faults.saver import Saver

pytestmark = pytest.mark.requirement("S0-36")


def corrupt(saver: Saver) -> None:
    """Overwrite pages of the app's database, so that it does not answer any more."""
    saver.machine.run("""
      systemctl stop notes
      dd if=/dev/zero of=/var/lib/notes/notes.fossil bs=4096 seek=1 count=40 conv=notrunc status=none
      systemctl start notes
    """)
    assert "old data" not in saver.answers()


def test_a_corrupt_app_answers_with_its_old_data_after_a_restore(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    corrupt(saver)
    before = saver.machine.run("sha256sum </var/lib/notes/notes.fossil")
    assert "notes is as on" in saver.backup("in-place", "notes", "disk", "latest")
    saver.shows("old data")
    # The unit of the corrupt app may fail again.
    saver.machine.run("homelab-backup undo notes || true; systemctl stop notes")
    assert saver.machine.run("sha256sum </var/lib/notes/notes.fossil") == before


def test_a_restore_at_a_time_brings_the_data_of_that_time(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes", days_ago=3)
    saver.write("new data")
    saver.save("notes")
    two_days_ago = saver.machine.run("date -d '2 days ago' +'%F %T'").strip()
    saver.backup("in-place", "notes", "disk", two_days_ago)
    saver.shows("old data")
    saver.backup("in-place", "notes", "disk", "latest")
    saver.shows("new data")


def test_a_new_machine_gets_the_data_of_a_dead_one(saver: Saver) -> None:
    saver.write("old data")
    saver.machine.run("echo sea >/srv/photos/sea.jpg")
    saver.save("notes")
    saver.save("dataset-photos")
    saver.on_new_machine()
    assert saver.machine.run("ls /var/lib /srv/photos").split().count("notes") == 0
    for job in ("dataset-photos", "notes"):
        saver.backup("in-place", job, "disk", "latest")
    saver.shows("old data")
    assert saver.machine.run("cat /srv/photos/sea.jpg").strip() == "sea"
    assert saver.machine.run("stat -c %U /var/lib/notes/notes.fossil").strip() == "notes"
    saver.save("notes")


def test_a_torn_dump_fails_the_drill_and_a_restore(saver: Saver) -> None:
    saver.write("old data " * 5000)
    saver.machine.run("""
      rm /packages/pkgs/sqlite/bin
      mkdir /packages/pkgs/sqlite/bin
      cat >/packages/pkgs/sqlite/bin/sqlite3 <<'EOF'
#!/bin/bash
/usr/bin/sqlite3 "$@"
truncate -s 100K notes.fossil.disk
EOF
      chmod +x /packages/pkgs/sqlite/bin/sqlite3
      mkdir -p /var/lib/homelab/backups/notes/disk
      echo 1 >/var/lib/homelab/backups/notes/disk/next-drill
    """)
    with pytest.raises(AssertionError, match="damaged database"):
        saver.save("notes")
    assert not saver.machine.is_active("restic-backups-notes-disk.service")
    assert "is a damaged database" in saver.refused("in-place", "notes", "disk", "latest")
    saver.shows("old data")


def test_a_full_target_fails_the_backup_and_keeps_the_old_ones(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    saver.machine.run("""
      head -c 2M /dev/urandom >/var/lib/notes/large
      dd if=/dev/zero of=/mnt/disk/blob bs=64K status=none 2>/dev/null || true
    """)
    with pytest.raises(AssertionError, match="no space left on device"):
        saver.save("notes")
    corrupt(saver)
    saver.backup("in-place", "notes", "disk", "latest")
    saver.shows("old data")
    saver.machine.run("rm /mnt/disk/blob")
    saver.save("notes")
    assert "is whole" in saver.backup("check", "notes", "disk")


def test_a_target_that_is_gone_fails_the_backup_and_nothing_fills_its_mount_point(
    saver: Saver,
) -> None:
    saver.write("old data")
    saver.save("notes")
    saver.machine.run("umount /mnt/disk")
    # systemd notices it a moment later.
    eventually(lambda: not saver.machine.is_active("mnt-disk.mount"), "the disk is gone")
    with pytest.raises(AssertionError):
        saver.save("notes")
    assert saver.machine.run("ls -A /mnt/disk") == ""
    assert "disk does not answer" in saver.refused("in-place", "notes", "disk", "latest")
    saver.shows("old data")
    assert "no restore of notes is to be undone" in saver.refused("undo", "notes")


def test_a_restore_reads_a_target_that_became_read_only(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    saver.machine.run("mount -o remount,ro /mnt/disk")
    with pytest.raises(AssertionError, match="read-only file system"):
        saver.save("notes")
    corrupt(saver)
    saver.backup("in-place", "notes", "disk", "latest")
    saver.shows("old data")


def test_a_wrong_password_changes_neither_the_app_nor_the_repository(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    password = "/run/homelab/secrets/restic-disk"
    saver.machine.run(f"cp {password} /root/right; echo wrong >{password}")
    with pytest.raises(AssertionError, match="wrong password"):
        saver.save("notes")
    assert "wrong password" in saver.refused("in-place", "notes", "disk", "latest")
    saver.shows("old data")
    saver.machine.run(f"cp /root/right {password}")
    saver.save("notes")
    assert "is whole" in saver.backup("check", "notes", "disk")


def test_a_dataset_on_a_disk_of_its_own_is_restored_and_goes_back(saver: Saver) -> None:
    saver.machine.run("mkdir /srv/photos/2025; echo sea >/srv/photos/2025/sea.jpg")
    saver.save("dataset-photos")
    saver.machine.run("rm -r /srv/photos/2025; echo new >/srv/photos/new.jpg")
    saver.backup("in-place", "dataset-photos", "disk", "latest")
    assert saver.machine.run("cd /srv/photos; cat 2025/sea.jpg; ls").split()[0] == "sea"
    saver.backup("undo", "dataset-photos")
    assert "new.jpg" in saver.machine.run("ls /srv/photos")
    # As NixOS writes the disks of a host.
    saver.machine.run(
        "echo '/dev/disk/by-label/photos /srv/photos btrfs x-systemd.automount 0 0' >>/etc/fstab"
    )
    saver.machine.run("umount -l /srv/photos")
    assert "is not mounted" in saver.refused("in-place", "dataset-photos", "disk", "latest")


def test_a_file_of_a_dataset_comes_back_in_place_on_a_machine(saver: Saver) -> None:
    saver.machine.run("mkdir -p /srv/photos/2025; cd /srv/photos; echo sea >2025/sea.jpg")
    saver.save("dataset-photos")
    saver.machine.run("rm -r /srv/photos/2025; echo new >/srv/photos/new.jpg")
    file = "/srv/photos/2025/sea.jpg"
    saver.backup("in-place", "dataset-photos", "disk", "latest", file)
    assert saver.machine.run(f"cat {file} /srv/photos/new.jpg").split() == ["sea", "new"]
    saver.machine.run(f"echo torn >{file}")
    assert f"{file}.before-" in saver.backup("in-place", "dataset-photos", "disk", "latest", file)
    assert saver.machine.run(f"cat {file}").strip() == "sea"
    saver.backup("undo", "dataset-photos")
    assert saver.machine.run(f"cat {file}").strip() == "torn"
    assert "restoring" not in saver.machine.run("find /srv/photos -name '*restoring*'")
