"""An activation that fails or does not end is limited and rolled back."""

from __future__ import annotations

import pytest

from tests.faults.house import House, end
from tests.faults.machine import eventually

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

BROKEN = {
    "units/app.service": "[Service]\nType=oneshot\nExecStart=false\n"
    "[Install]\nWantedBy=multi-user.target\n"
}
LOOPING = {
    "units/app.service": "[Unit]\nStartLimitIntervalSec=0\n"
    "[Service]\nExecStart=false\nRestart=always\nRestartSec=2\n"
    "[Install]\nWantedBy=multi-user.target\n"
}
REFUSED = "Could not acquire lock"
BOUNDED = {"activation_seconds": 3, "confirm": {"seconds": 2}}


def unit(start: str) -> dict[str, str]:
    text = f"[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart={start}\n"
    return {"units/app.service": f"{text}[Install]\nWantedBy=multi-user.target\n"}


def log(house: House) -> str:
    return "".join(path.read_text() for path in house.state.glob("deployments/*/log"))


def ails(house: House) -> dict[str, str]:
    """Make a unit of the host fail at each start. Returns the unit's lines for a release."""
    text = "[Service]\nType=oneshot\nExecStart=false\n[Install]\nWantedBy=multi-user.target\n"
    files = {"units/old.service": text}
    house.bring("r0", files)
    done = house.switch("r0", may_fail=["old.service"])
    assert done.code == 0, done.report
    return files


def test_an_activation_script_that_fails_is_rolled_back(house: House) -> None:
    house.bring("r1", {"activate.d/users": "echo no such group; exit 1\n"})
    done = house.switch("r1")
    assert done.code == 1
    assert "why: switch-to-configuration test ended with 2" in done.report
    assert "Activation script snippet 'users' failed" in done.report
    house.went_back()


@pytest.mark.parametrize(
    "files",
    [
        {"activate.d/users": "sleep infinity\n"},
        {"activate.d/users": "trap '' TERM; while :; do sleep 1; done\n"},
        unit("sleep infinity"),
    ],
    ids=["script", "deaf-script", "unit"],
)
def test_an_activation_that_hangs_for_ever_is_ended_and_rolled_back(
    house: House, files: dict[str, str]
) -> None:
    house.bring("r1", files)
    done = house.switch("r1", **BOUNDED)
    assert done.code == 1
    assert "neither activated nor confirmed within 5 s" in done.report
    house.went_back()


@pytest.mark.parametrize("code", [2, 3, 100, 101])
def test_an_activation_with_a_bad_end_is_rolled_back(house: House, code: int) -> None:
    house.bring("r1", {"facts/exit": f"{code}\n"})
    done = house.switch("r1")
    assert done.code == 1
    assert f"why: switch-to-configuration test ended with {code}" in done.report
    house.went_back()


def test_a_unit_that_had_failed_before_does_not_fail_the_switch(house: House) -> None:
    old = ails(house)
    house.bring("r1", old)
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_unit_that_the_switch_broke_rolls_back(house: House) -> None:
    old = ails(house)
    house.bring("r1", old | BROKEN)
    done = house.switch("r1")
    assert done.code == 1
    assert "ended with 4; failed: app.service" in done.report
    house.went_back("r0")


def test_an_activation_script_that_fails_is_not_taken_for_an_old_failure(house: House) -> None:
    old = ails(house)
    house.bring("r1", old | {"activate.d/users": "exit 1\n"})
    assert house.switch("r1").code == 1
    house.went_back("r0")


def test_a_unit_that_starts_over_and_over_is_not_taken_for_an_old_failure(house: House) -> None:
    old = ails(house)
    house.bring("r1", old | LOOPING)
    done = house.switch("r1")
    assert done.code == 1
    assert "ended with 4; failed: app.service" in done.report
    house.went_back("r0")


def test_a_unit_in_may_fail_does_not_fail_the_switch(house: House) -> None:
    house.bring("r1", BROKEN)
    done = house.switch("r1", may_fail=["app.service"])
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_another_switch_on_the_host_is_waited_for(house: House) -> None:
    house.bring("r1")
    lock = "/run/nixos/switch-to-configuration.lock"
    house.machine.run(
        f"mkdir -p /run/nixos; systemd-run --quiet --unit=upgrade flock {lock} sleep infinity"
    )
    switch = house.start("r1", activation_seconds=60)
    house.reaches("activating")
    eventually(lambda: REFUSED in log(house), "the lock is refused")
    house.machine.run("systemctl stop upgrade")
    done = end(switch)
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_second_switch_of_the_host_itself_is_refused_during_ours(house: House) -> None:
    house.bring(
        "r1", {"activate.d/slow": "touch /run/begun; until [ -e /run/go ]; do sleep 0.1; done\n"}
    )
    switch = house.start("r1")
    eventually((house.machine.live("run/begun")).exists, "the activation has begun")
    upgrade = "/run/booted-system/bin/switch-to-configuration test 2>&1 || true"
    assert REFUSED in house.machine.run(upgrade)
    house.machine.run("touch /run/go")
    done = end(switch)
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_held_lock_means_that_nothing_was_activated(house: House) -> None:
    house.bring("r1")
    lock = "/run/nixos/switch-to-configuration.lock"
    house.machine.run(
        f"mkdir -p /run/nixos; systemd-run --quiet --unit=upgrade flock {lock} sleep infinity"
    )
    done = house.switch("r1", activation_seconds=80)
    assert done.code == 1
    assert house.phases() == ["rolled_back"]
    assert "nothing was activated" in done.report
    house.machine.run("systemctl stop upgrade")
    house.went_back()


def test_a_rollback_that_fails_says_so_and_the_next_release_is_taken(house: House) -> None:
    house.bring("r1", {"activate.d/users": "[ ! -e /run/poison ]\n"})
    assert house.switch("r1").code == 0
    house.bring("r2", {"activate.d/users": "touch /run/poison; exit 1\n"})
    done = house.switch("r2")
    assert done.code == 1
    assert "failed, and so did its rollback: check the host by hand" in done.report
    assert house.phases() == ["committed", "failed_rollback"]
    house.machine.run("rm /run/poison")
    house.bring("r3")
    done = house.switch("r3")
    assert done.code == 0, done.report
    house.is_wholly("r3")
