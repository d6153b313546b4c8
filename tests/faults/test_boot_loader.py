"""A real boot loader: it starts the default, one entry once, and no truncated kernel."""

from __future__ import annotations

import pytest

from tests.faults.house import House, gated, kill
from tests.faults.machine import eventually

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

PATIENT = {
    "activation_seconds": 480,
    "confirm": {"seconds": 480},
    "grace_seconds": 60,
    "poll_seconds": 3,
}
"""Seconds between polls, because each poll slows an emulated computer."""
OTHER_KERNEL = {"facts/kernel": "6.13 1\n"}
FIRST, SECOND = "nixos-generation-1.conf", "nixos-generation-2.conf"
BROKEN = """
  cd /boot/loader/entries
  sed 's|init=[^ ]*|init=/nix/store/none/init|' nixos-generation-1.conf >broken.conf
  sync
  bootctl set-oneshot broken.conf
"""


def starts(house: House) -> str:
    """The label of the system that the kernel was told to start."""
    (init,) = (w for w in house.machine.run("cat /proc/cmdline").split() if w.startswith("init="))
    return init.removesuffix("/init").rpartition("-pi-")[2]


def loaders_default(house: House) -> str:
    """The default entry according to systemd's own tool."""
    said = house.machine.run("bootctl status --no-pager").partition("Default Boot Loader Entry:")[2]
    return said.partition(" id: ")[2].split()[0]


def test_a_restart_starts_the_default_and_after_a_switch_the_new_one(booting_house: House) -> None:
    house = booting_house
    assert (starts(house), house.machine.started()) == ("as-installed", FIRST)
    house.bring("r1", OTHER_KERNEL)
    done = house.switch("r1", **PATIENT)
    assert done.code == 0, done.report
    # Our scripts and the real boot loader agree on the default.
    assert (house.boots(), loaders_default(house)) == ("r1", SECOND)
    house.machine.reboot()
    assert (starts(house), house.machine.started()) == ("r1", SECOND)
    house.is_wholly("r1")


def test_a_power_cut_boots_the_old_system_until_the_commit_and_then_the_new(
    booting_house: House,
) -> None:
    house = booting_house
    house.bring("r1")
    client = house.start("r1", **PATIENT | gated(480))
    house.reaches("awaiting")
    assert house.running() == "r1"
    kill(client)
    house.machine.cut_power()
    house.machine.boot()
    assert starts(house) == "as-installed"
    house.is_wholly("as-installed")
    done = house.switch("r1", **PATIENT)
    assert done.code == 0, done.report
    house.machine.cut_power()
    house.machine.boot()
    assert starts(house) == "r1"
    house.is_wholly("r1")


def test_a_one_shot_entry_starts_once(booting_house: House) -> None:
    house = booting_house
    house.bring("r1")
    assert house.switch("r1", **PATIENT).code == 0
    house.machine.run(f"bootctl set-oneshot {FIRST}")
    house.machine.reboot()
    assert (starts(house), house.boots()) == ("as-installed", "r1")
    assert "OneShot" not in house.machine.run("ls /sys/firmware/efi/efivars | grep Loader")
    # A missing entry is refused.
    house.machine.run("bootctl set-oneshot nixos-generation-7.conf")
    house.machine.reboot()
    assert (starts(house), house.machine.started()) == ("r1", SECOND)


def test_after_a_kernel_panic_the_default_starts_by_itself(booting_house: House) -> None:
    house = booting_house
    house.machine.run(BROKEN)
    house.machine.reboot()
    assert "Kernel panic" in house.machine.journal()
    assert (starts(house), house.machine.started()) == ("as-installed", FIRST)


def test_a_power_cut_while_the_boot_partition_is_written_boots(booting_house: House) -> None:
    house = booting_house
    house.bring("r1", OTHER_KERNEL)
    house.machine.run("touch /run/loader-waits-meanwhile")
    client = house.start("r1", **PATIENT)
    house.reaches("committing")
    eventually(
        lambda: "-2.conf" in house.machine.look("ls /boot/loader/entries"), "it is written", 240
    )
    kill(client)
    house.machine.cut_power()
    house.machine.boot()
    assert starts(house) == "as-installed"
    assert "not properly unmounted" in house.machine.run("dmesg")
    done = house.switch("r1", **PATIENT)
    assert done.code == 0, done.report
    house.machine.reboot()
    assert starts(house) == "r1"
    house.is_wholly("r1")
