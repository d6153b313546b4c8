"""A power cut at each step of a backup, a restore and an undo."""

from __future__ import annotations

import itertools

import pytest

from tests.faults.machine import eventually
from tests.faults.saver import Saver

pytestmark = pytest.mark.requirement("S0-36")


def cut_at(saver: Saver, number: int, counts: str, command: str) -> str:
    """Start a command, cut the power before its step with this number, and boot.

    Returns that step, or an empty text if the command ended before. Steps are the calls of
    programs that this pattern finds.
    """
    machine = saver.machine
    machine.run(
        f"sync; echo {counts!r} >/run/gate.counts; echo 0 >/run/gate.count; echo {number} >/run/gate"
    )
    machine.run(f"systemd-run --quiet --unit=cut --remain-after-exit /bin/bash -c {command!r}")

    def ended() -> bool:
        state = machine.run("systemctl show --property=SubState,ActiveState --value cut")
        return "exited" in state or "failed" in state

    reached = machine.live("run/gate.reached")
    eventually(lambda: reached.exists() or ended(), f"{command} ends or stops at step {number}")
    if not reached.exists():
        machine.run("rm /run/gate")
        return ""
    step = reached.read_text().strip()
    machine.cut_power()
    machine.boot()
    return step


def test_after_a_power_cut_in_a_backup_the_next_one_works(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    steps = []
    for number in itertools.count(1):
        step = cut_at(
            saver, number, "^mv|backup|forget", "systemctl start restic-backups-notes-disk"
        )
        if not step:
            break
        steps.append(step)
    assert [s for s in steps if "restic" in s and "forget" in s], steps
    assert [s for s in steps if s.startswith("mv")], steps
    saver.write("new data")
    saver.save("notes")
    assert "is whole" in saver.backup("check", "notes", "disk")
    saver.backup("in-place", "notes", "disk", "latest")
    saver.shows("new data")


def test_a_lock_that_a_power_cut_left_does_not_stop_the_next_backup(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    # A process number that no other program has after the boot.
    saver.machine.run("for _ in {1..1500}; do /bin/true; done", seconds=300)
    saver.machine.run("""
      restic-notes-disk prune >/dev/null 2>&1 &
      until ls /mnt/disk/restic/pi/notes/locks | grep -q '^[0-9a-f]*$'; do :; done
      kill -STOP $!
      sync
    """)
    saver.machine.cut_power()
    saver.machine.boot()
    locks = "ls /mnt/disk/restic/pi/notes/locks | sed -n '/^[0-9a-f]*$/p'"
    assert saver.machine.run(locks).strip()
    saver.write("new data")
    saver.save("notes")
    assert saver.machine.run(locks).strip() == ""


def test_a_power_cut_at_any_step_of_a_restore_leaves_the_data_from_before(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    saver.write("new data")
    steps = []
    for number in itertools.count(1):
        step = cut_at(saver, number, "^mv|restore", "homelab-backup in-place notes disk latest")
        if not step:
            break
        steps.append(step)
        saver.shows("new data")
        assert saver.machine.run("ls /var/lib | grep -c restoring || true").strip() == "0"
    moves = [s for s in steps if s.startswith("mv -nT")]
    assert len(moves) >= 2, steps
    assert any(s.endswith("/phase") for s in steps), steps
    saver.shows("old data")


def test_a_power_cut_at_any_step_of_an_undo_ends_with_the_data_from_before(saver: Saver) -> None:
    saver.write("old data")
    saver.save("notes")
    saver.write("new data")
    steps = []
    for number in itertools.count(1):
        saver.backup("in-place", "notes", "disk", "latest")
        saver.shows("old data")
        step = cut_at(saver, number, "^mv", "homelab-backup undo notes")
        if not step:
            break
        steps.append(step)
        if (
            saver.machine.run("cat /var/lib/homelab/restores/notes-*/phase | tail -n 1")
            != "undone\n"
        ):
            # Nothing had begun.
            saver.backup("undo", "notes")
        saver.shows("new data")
    assert len([s for s in steps if s.startswith("mv")]) >= 3, steps
    saver.shows("new data")
