"""Which disks an installation erases, and what forbids it."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from homelab.install.decision import as_text, decide
from homelab.install.target import Target, read_target
from homelab.problems import HomelabError, UsageError
from homelab.system.model import Host
from tests import build
from tests.household import Changes
from tests.install.machine import DISKS, INSTALLER, LINKS
from tests.install.stacks import DEVICE, planned

pytestmark = pytest.mark.requirement("S0-41")


def host(changes: Changes | None = None) -> Host:
    found: Host = build.plan(planned(changes)).hosts["nas"]
    return found


def report(**values: str) -> str:
    """What `look.sh` prints for the machine of the tests."""
    links = "".join(
        f"/dev/disk/by-id/{name} /dev/{device.split('/')[-1]}\n" for name, device in LINKS.items()
    )
    every = {
        "machine": "x86_64",
        "user": "0",
        "efi": "yes",
        "os-release": INSTALLER,
        "memory": "MemTotal:       16000000 kB\n",
        "links": links,
        "programs": "lsblk\nnix\n",
        "disks": json.dumps(DISKS),
        "end": "whole",
        **values,
    }
    encoded = ((k, base64.b64encode(v.encode()).decode()) for k, v in every.items())
    return "".join(f"{key}\t{value}\n" for key, value in encoded)


def target(**values: str) -> Target:
    return read_target("nas", report(**values))


def with_disk(**values: object) -> str:
    disks: dict[str, Any] = copy.deepcopy(DISKS)
    disks["blockdevices"][0] |= values
    return json.dumps(disks)


def test_the_disk_of_the_stack_is_found_by_its_name_and_the_others_stay() -> None:
    decision = decide(host(), target())
    assert [(e.name, e.disk.path, e.disk.serial) for e in decision.erased] == [
        ("system", "/dev/nvme0n1", "S7KGNU0X")
    ]
    assert [d.path for d in decision.others] == ["/dev/sda"]
    assert as_text(decision) == (
        "nas: installing NixOS ERASES\n"
        "  system: /dev/nvme0n1, 2.0 TB, model Samsung SSD 990 PRO 2TB, serial S7KGNU0X\n"
        f"    {DEVICE}\n"
        '    has ntfs "Windows" on /dev/nvme0n1p1\n'
        "  untouched: /dev/sda, 32.0 GB, model Installer Stick, serial 0001\n"
    )


def test_a_disk_that_the_layout_does_not_use_is_not_erased() -> None:
    """It may be mounted by the owner's own module, and hold data."""
    stick = "/dev/disk/by-id/usb-Installer_Stick_0001-0:0"
    decision = decide(host({"hosts": {"nas": {"disks": {"stick": stick}}}}), target())
    assert [e.name for e in decision.erased] == ["system"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"machine": "aarch64"}, "platform is x86_64-linux, and this machine is aarch64-linux"),
        ({"user": "1000"}, "root is needed"),
        ({"efi": ""}, "was not started by UEFI"),
        (
            {"os-release": 'ID=debian\nPRETTY_NAME="Debian 13"\n'},
            "runs Debian 13, not an installer",
        ),
        ({"release": "0123456789ab"}, "runs release 0123456789ab of homelab already"),
        ({"links": ""}, "this machine has no /dev/disk/by-id/nvme-Samsung"),
        ({"disks": with_disk(size=1_000_204_886_016)}, "is 2 TB, and /dev/nvme0n1 has 1.0 TB"),
        ({"disks": with_disk(serial="S0000000")}, "names the serial number S7KGNU0X"),
        ({"disks": with_disk(ro=True)}, "/dev/nvme0n1 is read-only"),
        ({"disks": with_disk(mountpoint="/")}, "/ of the running system is on /dev/nvme0n1"),
        ({"disks": with_disk(mountpoint="[SWAP]")}, "of the running system is on /dev/nvme0n1"),
    ],
)
def test_what_forbids_an_installation(values: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        decide(host(), target(**values))
    assert says in str(refused.value)


def test_everything_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        decide(host(), target(machine="aarch64", user="1000", disks=with_disk(ro=True)))
    assert len(str(refused.value).splitlines()) == 3


def test_mounts_of_an_interrupted_installation_do_not_forbid_the_next() -> None:
    assert decide(host(), target(disks=with_disk(mountpoint="/mnt/boot"))).erased


def test_two_names_of_one_disk_are_refused() -> None:
    other = "/dev/disk/by-id/nvme-eui.0001"
    changes = {
        "disks": {"twin": other},
        "file_systems": {"/srv": {"disk": "twin", "partition": 1, "fs": "ext4"}},
    }
    links = f"{DEVICE} /dev/nvme0n1\n{other} /dev/nvme0n1\n"
    with pytest.raises(UsageError, match="system and twin are both /dev/nvme0n1"):
        decide(host({"hosts": {"nas": changes}}), target(links=links))


def test_a_host_that_homelab_runs_is_erased_only_on_purpose() -> None:
    running = target(release="0123456789ab")
    assert decide(host(), running, reinstall=True).erased


def test_another_system_is_erased_only_by_an_installer_that_it_starts() -> None:
    """Its root may be on the disk, and is in memory once the installer runs."""
    debian = 'ID=debian\nPRETTY_NAME="Debian 13"\n'
    there = target(**{"os-release": debian, "disks": with_disk(mountpoint="/")})
    decision = decide(host(), there, kexec=True)
    assert decision.needs_kexec


def test_the_mark_names_the_disks() -> None:
    """A run goes on after another one only on the same disks."""
    first = decide(host(), target())
    exchanged = replace(first.erased[0].disk, serial="S7KGNU0Y")
    other = replace(first, erased=(replace(first.erased[0], disk=exchanged),))
    assert first.mark != other.mark
    assert first.mark == decide(host(), target()).mark


@pytest.mark.parametrize("text", ["", "machine\teDg2XzY0\n", "Welcome!\n"])
def test_a_damaged_report_is_an_error(text: str) -> None:
    with pytest.raises(HomelabError, match="nas"):
        read_target("nas", text)


def test_an_old_lsblk_is_an_error() -> None:
    with pytest.raises(HomelabError, match="lsblk does not list its disks as JSON"):
        target(disks="lsblk: unknown option --json")
