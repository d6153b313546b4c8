"""When the unit that `OnFailure=` names is started, for a unit with `Restart=`."""

from __future__ import annotations

import time

import pytest

from tests.faults.house import House
from tests.faults.machine import eventually

pytestmark = pytest.mark.requirement("S0-45")

UNIT = """\
[Unit]
OnFailure=told@%N.service
{limits}
[Service]
Type=oneshot
ExecStart=/bin/bash -c 'echo again >>/run/tries; false'
Restart=on-failure
RestartSec=3s
"""
TOLD = "[Service]\nType=oneshot\nExecStart=/bin/touch /run/told-%i\n"


def started(house: House, name: str, limits: str) -> None:
    for unit, text in ((name, UNIT.format(limits=limits)), ("told@", TOLD)):
        house.machine.live(f"run/systemd/system/{unit}.service").write_text(text)
    house.machine.run(f"systemctl daemon-reload; systemctl start --no-block {name}")


def test_a_unit_alerts_when_its_attempts_are_used_up(house: House) -> None:
    started(house, "limited", "StartLimitBurst=3\nStartLimitIntervalSec=60")
    told = house.machine.live("run/told-limited")
    eventually(told.exists, "the alert")
    assert house.machine.run("cat /run/tries").count("again") == 3
    assert "failed" in house.machine.run("systemctl is-failed limited")


def test_a_unit_whose_pauses_are_too_long_for_the_limit_never_alerts(house: House) -> None:
    """With the limits of systemd: five attempts in ten seconds."""
    started(house, "endless", "")
    tries = house.machine.live("run/tries")
    deadline = time.monotonic() + 60
    while not tries.exists() or tries.read_text().count("again") < 6:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert not house.machine.live("run/told-endless").exists()
    house.machine.run("systemctl stop endless")
