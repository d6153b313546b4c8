"""Copies of irreplaceable data: two, and one of them on another machine."""

from __future__ import annotations

import pytest

from homelab.checks import run_checks
from tests import build

B2 = {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}
DISK = {"kind": "local", "host": "nas", "path": "/mnt/disk/restic"}
SHELF = {"kind": "sftp", "host": "nas", "path": "/mnt/shelf"}


def told(targets: dict[str, object], **dataset: object) -> list[str]:
    photos = {"host": "nas", "path": "/mnt/a/photos", "tier": "irreplaceable", **dataset}
    plan = build.plan({"datasets": {"photos": photos}, "backup": {"targets": targets}})
    return [p.what for p in run_checks(plan) if p.check == "irreplaceable-copies"]


@pytest.mark.requirement("T7")
def test_copies_on_the_host_of_the_data_are_lost_with_it() -> None:
    for targets in ({"disk": DISK}, {"disk": DISK, "shelf": SHELF}):
        (what,) = told(targets, fs="btrfs")
        assert what.endswith("are on nas itself")


@pytest.mark.requirement("T7")
def test_one_copy_alone_is_told_and_snapshots_count() -> None:
    (what,) = told({"b2": B2})
    assert what.endswith("has one copy alone, at b2")
    assert told({"b2": B2}, fs="btrfs") == []
    assert told({"b2": B2, "disk": DISK}) == []


@pytest.mark.requirement("T7")
def test_a_replica_is_a_copy_elsewhere() -> None:
    to_pi = {"to": "pi", "path": "/mnt/copies/photos"}
    assert told({"disk": DISK}, fs="btrfs", replicate=to_pi) == []


@pytest.mark.requirement("T7")
def test_other_tiers_and_stated_reasons_are_left_alone() -> None:
    assert told({"disk": DISK}, tier="user") == []
    assert told({"disk": DISK}, backup="a paper copy is in the safe") == []
