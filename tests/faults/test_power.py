"""After a power cut at any point, a confirmed system boots and the next run converges."""

from __future__ import annotations

import subprocess

import pytest

from homelab.deploy import scripts
from tests.faults.house import House, end, gated, kill
from tests.faults.machine import eventually

pytestmark = pytest.mark.requirement("S0-67", "S4-34")


def cut_power(house: House, client: subprocess.Popen[str]) -> None:
    kill(client)
    house.machine.cut_power()
    house.machine.boot()


def test_a_power_cut_after_the_build_leaves_a_complete_system(house: House) -> None:
    house.bring("r1")
    house.machine.cut_power()
    house.machine.boot()
    done = house.switch("r1")
    assert done.code == 0, done.report
    assert (house.state / "secrets/r1/token").read_text() == "r1"
    house.is_wholly("r1")


@pytest.mark.parametrize("politely", [False, True], ids=["power-cut", "reboot"])
def test_a_power_cut_before_the_confirmation_boots_the_old_system(
    house: House, politely: bool
) -> None:
    house.bring("r1")
    client = house.start("r1", **gated())
    house.reaches("awaiting")
    assert house.running() == "r1"
    if politely:
        kill(client)
        house.machine.reboot()
    else:
        cut_power(house, client)
    house.is_wholly("as-installed")
    done = house.switch("r1")
    assert done.code == 0, done.report
    assert "stopped while awaiting" in done.report
    house.is_wholly("r1")
    assert house.phases() == ["rolled_back", "committed"]


def test_a_power_cut_during_the_activation_boots_the_old_system(house: House) -> None:
    house.bring("r1", {"activate.d/slow": "[ ! -e /run/slow ] || sleep infinity\n"})
    house.machine.run("touch /run/slow")
    client = house.start("r1")
    house.reaches("activating")
    cut_power(house, client)
    house.is_wholly("as-installed")
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_client_reports_the_result_after_a_power_cut(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", activation_seconds=5, grace_seconds=5, **gated(20))
    house.reaches("awaiting")
    house.machine.cut_power()
    house.machine.boot()
    done = end(client)
    assert done.code == 1
    assert "was interrupted: the host restarted while it was awaiting" in done.report
    house.is_wholly("as-installed")
    assert house.switch("r1").code == 0


def test_a_machine_that_never_comes_back_is_an_error_after_a_timeout(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", activation_seconds=5, grace_seconds=5, **gated(10))
    house.reaches("awaiting")
    house.machine.cut_power()
    done = end(client)
    assert done.code == 1
    assert "state: unknown" in done.report
    assert "pi over lan" in done.report
    house.machine.boot()
    house.is_wholly("as-installed")


def test_a_machine_that_hangs_past_the_timeout_rolls_back_when_it_continues(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", activation_seconds=5, grace_seconds=5, **gated(10))
    house.reaches("awaiting")
    house.machine.hang()
    done = end(client)
    assert done.code == 1
    assert "state: unknown" in done.report
    house.machine.wake()
    house.went_back()


def test_a_power_cut_before_the_boot_default_has_moved_boots_the_old_system(house: House) -> None:
    house.bring("r1")
    house.machine.run("touch /run/loader-waits-before")
    client = house.start("r1")
    house.reaches("committing")
    eventually(lambda: house.profile() == "r1", "the profile has moved")
    assert house.boots() == "as-installed"
    cut_power(house, client)
    assert house.running() == "as-installed"
    done = house.switch("r1")
    assert done.code == 0, done.report
    assert "stopped while committing" in done.report
    house.is_wholly("r1")


def test_a_boot_loader_that_never_ends_is_ended_and_the_next_run_converges(house: House) -> None:
    house.bring("r1")
    house.machine.run("touch /run/loader-waits-before")
    times = {"lock_seconds": 5, "activation_seconds": 3, "confirm": {"seconds": 3}}
    done = house.switch("r1", **times, grace_seconds=2)
    assert done.code == 1
    assert "not known to be committed; last seen committing" in done.report
    active = house.machine.is_active
    eventually(lambda: not active("homelab-activate.service"), "the supervisor has ended")
    house.machine.run("rm /run/loader-waits-before")
    done = house.switch("r1")
    assert done.code == 0, done.report
    assert house.phases() == ["rolled_back", "committed"]
    house.is_wholly("r1")


def test_a_power_cut_after_the_boot_default_has_moved_boots_the_confirmed_one(house: House) -> None:
    house.bring("r1")
    house.machine.run("touch /run/loader-waits-after")
    client = house.start("r1")
    house.reaches("committing")
    eventually(lambda: house.boots() == "r1", "the boot default has moved")
    cut_power(house, client)
    assert house.running() == "r1"
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_power_cut_during_a_rollback_is_rolled_back_by_the_next_run(house: House) -> None:
    house.bring("r1")
    assert house.switch("r1").code == 0
    house.bring(
        "r2",
        {
            "units/slow.service": "[Service]\nExecStart=sleep infinity\n"
            "ExecStop=sleep infinity\nTimeoutStopSec=infinity\n"
            "[Install]\nWantedBy=multi-user.target\n"
        },
    )
    client = house.start("r2", **gated(3))
    house.reaches("rolling_back")
    cut_power(house, client)
    house.is_wholly("r1")
    house.bring("r1")
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_power_cut_while_secrets_are_rotated_ends_with_the_new_ones(house: House) -> None:
    house.bring("r1")
    assert house.switch("r1", secrets_version="v1").code == 0
    done = house.remote(scripts.secrets_script("r1", {"token": "new"}))
    assert done.code == 0, done.report
    client = house.start("r1", secrets_version="v2", **gated())
    house.reaches("awaiting")
    cut_power(house, client)
    done = house.switch("r1", secrets_version="v2")
    assert done.code == 0, done.report
    assert house.phases() == ["committed", "rolled_back", "committed"]
    assert (house.state / "secrets/r1/token").read_text() == "new"
    house.is_wholly("r1")
