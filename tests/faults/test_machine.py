"""The machines of these tests themselves."""

from __future__ import annotations

import threading

import pytest

from tests.faults.house import House
from tests.faults.machine import Machine, eventually


def test_a_command_ends_when_the_machine_stops_and_kills_its_processes(house: House) -> None:
    """systemd does that at a shutdown. A command that a test runs then must not hang."""
    machine = house.machine
    assert isinstance(machine, Machine)
    ended = threading.Event()

    def waits() -> None:
        with pytest.raises(AssertionError, match="137"):
            machine.run("sleep 50; true")
        ended.set()

    thread = threading.Thread(target=waits)
    thread.start()
    try:
        eventually(lambda: machine.run("pgrep -x sleep || true").strip(), "the command runs")
        machine.run("shells=$(pgrep -f '[s]leep 50'); kill -STOP $shells; kill -KILL $shells")
        eventually(ended.is_set, "the command ends", seconds=20)
    finally:
        thread.join(60)
