"""Copies of a repository on another target: made by hand, restored from, and cut off by the power."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from homelab.backup.restic import modules
from homelab.testing import changed
from tests import build
from tests.faults.machine import eventually
from tests.faults.saver import PACKAGES, STACK, Saver, files_of_job
from tests.tools.libraries import evaluated

pytestmark = pytest.mark.requirement("S1-24")

UNIT = "restic-backups-notes-shelf.service"
CHANGES: dict[str, object] = {
    "backup": {
        "targets": {"shelf": {"kind": "local", "host": "pi", "path": "/mnt/shelf"}},
        "offload": {"copy": {"from": "disk", "to": "shelf"}},
    }
}


@cache
def rendered() -> Mapping[str, Any]:
    """The options of the machine with an offload."""
    plan = build.plan(changed(STACK, CHANGES))
    return evaluated(modules(plan, plan.hosts["pi"]), PACKAGES)


@pytest.fixture
def copied(saver: Saver) -> Saver:
    """A machine with a backup on `disk`, which copies it to `shelf` by hand."""
    for path, text in files_of_job(rendered(), "notes-shelf"):
        file = saver.machine.root / path
        file.write_text(text)
        if text.startswith("#!"):
            file.chmod(0o755)
    saver.machine.run("""
      echo password of shelf >/etc/secrets/secrets/restic-shelf
      cp /etc/secrets/secrets/restic-shelf /run/homelab/secrets/
      systemctl daemon-reload
      sync
    """)
    saver.write("old data")
    saver.save("notes")
    return saver


def test_a_copy_by_hand_has_no_timer() -> None:
    assert rendered()["services"]["restic"]["backups"]["notes-shelf"]["timerConfig"] is None


def test_a_service_is_restored_from_a_copy_when_its_target_is_gone(copied: Saver) -> None:
    copied.start(UNIT)
    copied.write("new data")
    copied.save("notes")
    copied.start(UNIT)
    # Both snapshots are of today, and none of the last two days is removed.
    # The machine has no `usb`, which does not answer.
    listed = copied.refused("snapshots", "notes").splitlines()
    assert [line.split("\t")[0] for line in listed if "\t" in line].count("shelf") == 2
    polynomials = [
        json.loads(copied.machine.run(f"restic-notes-{target} cat config"))["chunker_polynomial"]
        for target in ("disk", "shelf")
    ]
    assert polynomials[0] == polynomials[1]
    copied.machine.run("rm -r /mnt/disk/restic; systemctl stop notes; rm /var/lib/notes/*")
    assert "notes is as on" in copied.backup("in-place", "notes", "shelf", "latest")
    copied.shows("new data")


def test_a_power_cut_in_a_copy_is_made_good_by_the_next_one(copied: Saver) -> None:
    machine = copied.machine
    machine.run("echo 'restic copy' >/run/gate.counts; echo 1 >/run/gate")
    machine.run(f"systemctl start --no-block {UNIT}")
    eventually(lambda: machine.run("cat /run/gate.reached 2>/dev/null || true") != "", "the copy")
    machine.cut_power()
    machine.boot()
    copied.start(UNIT)
    copied.backup("check", "notes", "shelf")
    copied.backup("drill", "notes", "shelf")


def test_a_copy_of_a_target_that_is_gone_fails_and_says_which(copied: Saver) -> None:
    copied.start(UNIT)
    copied.machine.run("mv /mnt/disk/restic /mnt/disk/away")
    with pytest.raises(AssertionError, match="could not be copied from disk to shelf"):
        copied.start(UNIT)
    assert "shelf\t" in copied.refused("snapshots", "notes")
