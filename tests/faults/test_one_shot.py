"""A switch with a reboot, with firmware and a boot loader that can boot a system once."""

from __future__ import annotations

import pytest

from tests.faults.house import House, end, gated
from tests.faults.machine import eventually
from tests.faults.test_boot_loader import FIRST, OTHER_KERNEL, PATIENT, SECOND, starts

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

RESTARTS = PATIENT | {"reboot": {"seconds": 480}}
PANICS = {"facts/kernel-params": "root=/none console=ttyS0 panic=2 boot.panic_on_fail\n"}
LONGEST = 1200
"""Maximal seconds of a client of a slow computer."""
HANGS = {"facts/kernel-params": "rdinit=/bin/sh console=ttyS0\n"}
"""The initrd is a shell that waits for input."""


def test_a_new_kernel_is_started_once_confirmed_and_then_the_default(booting_house: House) -> None:
    house = booting_house
    house.bring("r1", OTHER_KERNEL)
    client = house.start("r1", **RESTARTS | gated(480))
    house.reaches("awaiting")
    assert (starts(house), house.machine.started()) == ("r1", SECOND)
    assert house.boots() == "as-installed"
    house.open_gate()
    done = end(client, LONGEST)
    assert done.code == 0, done.report
    assert "this switch restarts the host" in done.report
    house.is_wholly("r1")
    assert house.phases() == ["committed"]


def test_a_new_kernel_that_panics_leaves_the_old_one_and_the_report_says_so(
    booting_house: House,
) -> None:
    house = booting_house
    house.bring("r1", OTHER_KERNEL | PANICS)
    done = end(house.start("r1", **RESTARTS), LONGEST)
    assert done.code == 1
    assert "the host was restarted to start it, and came up with" in done.report
    assert "was rolled back; the host is as before" in done.report
    assert "Kernel panic" in house.machine.journal()
    house.went_back()
    assert house.machine.started() == FIRST


def test_a_machine_that_never_returns_is_an_error_and_its_next_start_is_the_old_system(
    booting_house: House,
) -> None:
    house = booting_house
    house.bring("r1", OTHER_KERNEL | HANGS)
    quick = {
        "activation_seconds": 160,
        "confirm": {"seconds": 10},
        "grace_seconds": 5,
        "reboot": {"seconds": 30},
    }
    done = end(house.start("r1", **PATIENT | quick), LONGEST)
    assert done.code == 1
    assert "did not come back within 30 s after its restart" in done.report
    assert "turn it off and on: it starts the old system" in done.report
    house.machine.cut_power()
    house.machine.boot()
    assert (starts(house), house.machine.started()) == ("as-installed", FIRST)
    eventually(lambda: house.phases() == ["rolled_back"], "the deployment ends", 120)
    house.is_wholly("as-installed")
