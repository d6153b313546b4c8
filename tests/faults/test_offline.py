"""A waiting release is switched in the same way when its host wakes."""

from __future__ import annotations

import pytest

from tests.faults.house import House, Switched, gated
from tests.faults.keeper import UNIT, Keeper
from tests.faults.machine import eventually
from tests.faults.network import ADDRESSES
from tests.faults.test_locked_out import SHORT, firewall

pytestmark = pytest.mark.requirement("S0-05", "S0-67")


def up(
    house: House,
    keeper: Keeper,
    release: str,
    files: dict[str, str] | None = None,
    **more: object,
) -> Switched:
    """Run the one resource of an offline host."""
    return house.switch(
        release, offline=keeper.spec(), payload=house.payload(release, files), **more
    )


def sleep(house: House) -> None:
    """Suspend the machine."""
    for link in ADDRESSES:
        house.laptop.cut(link)
    house.machine.hang()


def wake(house: House) -> None:
    """Resume the machine."""
    house.machine.wake()
    for link in ADDRESSES:
        house.laptop.clear_faults(link)


def leave(
    house: House, keeper: Keeper, release: str, *given: dict[str, str], **more: object
) -> None:
    """Leave a release at the relay while the machine is suspended."""
    sleep(house)
    done = up(house, keeper, release, *given, **more)
    assert done.code == 1
    assert f"release {release} waits for it on nas since 20" in done.report
    wake(house)


def pull(house: House) -> None:
    """Start the pull that a machine runs after waking."""
    house.machine.run(f"systemctl start --no-block {UNIT}")


def pulled(house: House) -> None:
    """Run the pull to its end."""
    house.machine.run(f"systemctl start {UNIT}", 120)


def test_a_release_is_taken_on_waking_and_counts_from_then_on(house: House, keeper: Keeper) -> None:
    leave(house, keeper, "r1")
    house.is_wholly("as-installed")
    pulled(house)
    house.is_wholly("r1")
    assert (house.state / "secrets/r1/token").read_text() == "r1"
    assert "phase committed" in keeper.told()
    sleep(house)
    done = up(house, keeper, "r1")
    assert done.code == 0, done.report
    assert "fetched release r1 from nas and committed it" in done.report
    wake(house)
    house.machine.reboot()
    house.is_wholly("r1")


@pytest.mark.parametrize("rule", ["tcp dport 22 drop", "drop"])
def test_a_release_that_shuts_everyone_out_goes_back_and_says_so_later(
    house: House, keeper: Keeper, rule: str
) -> None:
    leave(house, keeper, "r1", firewall(rule), **SHORT)
    pull(house)
    house.went_back()
    eventually(lambda: "phase rolled_back" in keeper.told(), "it is told")
    sleep(house)
    done = up(house, keeper, "r1", firewall(rule), **SHORT)
    assert done.code == 1
    assert "was fetched from nas, and was rolled back" in done.report
    assert "why: not confirmed within 4 s" in done.report
    wake(house)
    # It does not retry by itself.
    pulled(house)
    assert house.phases() == ["rolled_back"]


def test_a_power_cut_before_the_confirmation_boots_the_old_system_and_is_reported(
    house: House, keeper: Keeper
) -> None:
    leave(house, keeper, "r1", **gated())
    pull(house)
    house.reaches("awaiting")
    assert house.running() == "r1"
    house.machine.cut_power()
    house.machine.boot()
    house.is_wholly("as-installed")
    pulled(house)
    assert "phase rolled_back" in keeper.told()
    assert house.phases() == ["rolled_back"]
    # The same release again, while the machine is awake.
    house.open_gate()
    done = up(house, keeper, "r1", again="the power was cut", **gated())
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_machine_suspended_before_the_confirmation_rolls_back_when_it_wakes(
    house: House, keeper: Keeper
) -> None:
    leave(house, keeper, "r1", **gated(8))
    pull(house)
    house.reaches("awaiting")
    sleep(house)
    # The rollback timer expires meanwhile.
    done = up(house, keeper, "r1", **gated(8))
    assert done.code == 1
    wake(house)
    house.went_back()
    eventually(lambda: "phase rolled_back" in keeper.told(), "it is told")


def test_a_waiting_release_is_fetched_when_the_relay_answers_again(
    house: House, keeper: Keeper
) -> None:
    leave(house, keeper, "r1")
    keeper.stop()
    pull(house)
    keeper.start()
    eventually(lambda: house.committed() == "r1", "it is taken")
    eventually(lambda: "phase committed" in keeper.told(), "it is told")
    house.is_wholly("r1")
