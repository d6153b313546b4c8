"""A switch with a reboot, with a boot loader that cannot boot a system once.

`test_one_shot.py` has real boot loaders that can.
"""

from __future__ import annotations

import pytest

from tests.faults.house import House, end, gated, kill
from tests.faults.machine import eventually

pytestmark = pytest.mark.requirement("S0-67")

KERNEL = {"facts/kernel": "6.13 1\n"}
RESTARTS = {"reboot": {"seconds": 90, "without_one_shot": True}}


def test_a_new_kernel_is_started_and_committed_when_it_is_confirmed(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS)
    house.machine.restarts()
    done = end(client)
    assert done.code == 0, done.report
    assert next(house.state.glob("deployments/*/mode")).read_text() == "boot\n"
    house.is_wholly("r1")
    assert house.phases() == ["committed"]


def test_an_unconfirmed_kernel_is_rebooted_into_the_old_one(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated(6))
    house.machine.restarts()
    house.reaches("awaiting")
    assert house.running() == "r1"
    house.machine.restarts()
    done = end(client)
    assert done.code == 1
    assert "not confirmed within 6 s" in done.report
    house.went_back()


def test_a_unit_that_fails_after_the_reboot_rolls_the_host_back(house: House) -> None:
    broken = (
        "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    )
    house.bring("r1", KERNEL | {"units/broken.service": broken})
    client = house.start("r1", **RESTARTS)
    house.machine.restarts()
    house.machine.restarts()
    done = end(client)
    assert done.code == 1
    assert "restarted; failed: broken.service" in done.report
    house.went_back()


def test_after_a_power_cut_after_the_reboot_the_host_rolls_back(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated())
    house.machine.restarts()
    house.reaches("awaiting")
    kill(client)
    house.machine.cut_power()
    # The new system, which is the default, boots and rolls back.
    house.machine.boot()
    house.went_back()
    client = house.start("r1", **RESTARTS)
    house.machine.restarts()
    done = end(client)
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_new_client_continues_the_deployment_of_a_killed_one(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated())
    house.reaches("rebooting")
    kill(client)
    house.machine.restarts()
    again = house.start("r1", **RESTARTS, **gated())
    house.open_gate()
    done = end(again)
    assert done.code == 0, done.report
    assert "resumes deployment" in done.report
    house.is_wholly("r1")


@pytest.mark.requirement("S4-34")
def test_a_service_that_crashes_again_and_again_is_not_confirmed(house: House) -> None:
    """It may be active at the moment of a probe."""
    loop = (
        "[Service]\nExecStart=/bin/sleep 1\nRestart=always\nRestartSec=100ms\n"
        "[Install]\nWantedBy=multi-user.target\n[Unit]\nStartLimitIntervalSec=0\n"
    )
    house.bring("r1", {"units/crashes.service": loop})
    done = house.switch("r1", confirm={"seconds": 8, "settle": 3})
    assert done.code == 1
    assert "restarted by systemd: crashes.service" in done.report
    house.went_back()
    house.bring("r2")
    done = house.switch("r2", confirm={"seconds": 20, "settle": 2})
    assert done.code == 0, done.report
    eventually(lambda: house.committed() == "r2", "r2 is committed")
