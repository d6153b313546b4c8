"""What `homelab diff` says of a host from two generated texts."""

from __future__ import annotations

import pytest

from homelab.evaluation.outlook import Outlook, outlook
from homelab.render import Files
from tests import build
from tests.household import Changes

SYSTEM = "/dev/disk/by-id/nvme-Maker_990_0001"


def seen(new: Changes, before: Files | None = None, after: Files | None = None) -> Outlook:
    return outlook(build.plan({}), build.plan(new), "nas", before or {}, after or {})


def mounted(place: str) -> Changes:
    systems = {place: {"disk": "system", "fs": "ext4"}}
    return {"hosts": {"nas": {"disks": {"system": SYSTEM}, "file_systems": systems}}}


@pytest.mark.parametrize(("place", "due"), [("/var", True), ("/srv", False)])
def test_only_a_file_system_that_the_initrd_mounts_needs_a_reboot(place: str, due: bool) -> None:
    found = seen(mounted(place))
    assert any(place in option for option in found.options)
    assert (found.reboot != ()) is due


def test_changed_files_that_only_nix_reads_are_named() -> None:
    before = {"own/extra.nix": "{ }", "release-id.nix": '"a"', "same.nix": "{ }"}
    after = {"own/extra.nix": "{ a = 1; }", "release-id.nix": '"b"', "same.nix": "{ }"}
    found = seen({}, before, after)
    assert found.unread == ("own/extra.nix",)
    assert any("own/extra.nix" in line for line in found.lines("nas"))
    assert seen({}).unread == ()
