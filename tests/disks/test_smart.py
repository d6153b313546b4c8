"""The health of disks: Scrutiny reads those of the stack config."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests import build
from tests.household import Changes

NVME, USB = "/dev/disk/by-id/nvme-Maker_990_0001", "/dev/disk/by-id/usb-Maker_0005-0:0"
STACK: Changes = {
    "hosts": {
        "nas": {
            "disks": {
                "system": NVME,
                "stick": {"device": USB, "optional": True, "smart": "sat"},
                "old": {"device": "/dev/disk/by-id/ata-Maker_0009", "smart": "off"},
                "gone": {},
            }
        }
    },
    "services": {"scrutiny": {"host": "nas"}},
}


@pytest.mark.requirement("S4-29")
def test_scrutiny_reads_the_disks_of_its_host_and_no_others() -> None:
    text = build.render(STACK)["nas"]["smart.nix"]
    words = " ".join(text.split())
    assert '{ device = "/dev/homelab/disk-system"; type = "nvme"; }' in words
    assert '{ device = "/dev/homelab/disk-stick"; type = "sat"; }' in words
    # udev itself reads new rules, and applies them to disks that appear later.
    assert "udevadm trigger --action=change --subsystem-match=block" in text
    assert "disk-old" not in text
    assert "disk-gone" not in text
    # It knows names in lower case only; a link has one.
    assert f'ENV{{DEVLINKS}}=="{NVME}|* {NVME}|{NVME} *|* {NVME} *"' in text.replace("$", "")
    assert 'SYMLINK+="homelab/disk-system"' in text
    assert "smart.nix" not in build.render(STACK)["pi"]


@pytest.mark.requirement("S4-29")
def test_without_disks_in_the_stack_scrutiny_scans_by_itself() -> None:
    assert "smart.nix" not in build.render({"services": {"scrutiny": {"host": "nas"}}})["nas"]


@pytest.mark.skipif(shutil.which("smartctl") is None, reason="there is no smartctl on PATH")
def test_the_command_in_place_of_the_scan_lists_no_device() -> None:
    """The collector stops if it prints anything but JSON, or fails."""
    text = build.render(STACK)["nas"]["smart.nix"]
    words = text.partition('metrics_scan_args = "')[2].partition('"')[0].split()
    done = subprocess.run(["smartctl", *words], capture_output=True, check=True, timeout=20)
    assert "devices" not in json.loads(done.stdout)


@pytest.mark.parametrize("scrutiny", [True, False])
def test_a_disk_that_nothing_uses_is_reported(scrutiny: bool) -> None:
    changes = build.changed(STACK, {} if scrutiny else {"services": None})
    assert bool(build.found(changes, "disk-used")) is not scrutiny


@pytest.mark.requirement("S0-41")
def test_a_pool_of_zfs_needs_the_id_of_its_host() -> None:
    nas = {"pools": {"tank": {"kind": "zfs"}}, "file_systems": {"/tank": {"pool": "tank"}}}
    (problem,) = build.found({"hosts": {"nas": nas}}, "zfs-host-id")
    assert problem.where == "hosts.nas.host_id"
    assert not build.found({"hosts": {"nas": {**nas, "host_id": "0123abcd"}}}, "zfs-host-id")


def test_swap_on_flash_is_reported_at_its_key() -> None:
    nas = {"flash": True, "swap": {"file": "/var/swapfile", "size": "1 GB"}}
    (problem,) = build.found({"hosts": {"nas": nas}}, "flash-swap-file")
    assert problem.where == "hosts.nas.swap.file"
    assert problem.severity == "error"
    assert not build.found({"hosts": {"nas": nas}}, "flash-swap")
    assert "zram: {}" in problem.way_out
