"""A client that is stopped or loses its links leaves the host in a consistent state."""

from __future__ import annotations

import signal

import pytest

from tests.faults.house import House, end, gated, kill
from tests.faults.machine import eventually
from tests.faults.network import ADDRESSES, run

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

SLOW = {"activate.d/slow": "until [ -e /run/go ]; do sleep 0.1; done\n"}
PATIENT = {"activation_seconds": 120, "confirm": {"seconds": 120}}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_a_host_whose_client_is_stopped_rolls_back(house: House, how: signal.Signals) -> None:
    house.bring("r1")
    client = house.start("r1", **gated(5))
    house.reaches("awaiting")
    assert house.running() == "r1"
    client.send_signal(how)
    done = end(client)
    assert done.code != 0
    assert (
        "interrupted; the host itself rolls back a switch that had begun" in done.report
        or how != signal.SIGINT
    )
    house.went_back()


def test_a_host_whose_client_is_killed_during_the_activation_rolls_back(house: House) -> None:
    house.bring("r1", SLOW)
    client = house.start("r1", confirm={"seconds": 3})
    house.reaches("activating")
    kill(client)
    house.machine.run("touch /run/go")
    house.went_back()


def test_a_client_that_is_run_again_in_time_commits(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", **gated())
    house.reaches("awaiting")
    kill(client)
    again = house.start("r1", **gated())
    house.open_gate()
    done = end(again)
    assert done.code == 0, done.report
    assert "resumes deployment" in done.report
    house.is_wholly("r1")
    assert house.phases() == ["committed"]


def test_after_a_killed_supervisor_the_timer_rolls_back(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", activation_seconds=2, **gated(6))
    house.reaches("awaiting")
    house.machine.run("systemctl kill --kill-whom=all --signal=KILL homelab-activate.service")
    assert end(client).code == 1
    house.went_back()


def test_a_run_without_a_supervisor_rolls_back_and_starts_again(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", **gated())
    house.reaches("awaiting")
    kill(client)
    house.machine.run("systemctl kill --kill-whom=all --signal=KILL homelab-activate.service")
    house.open_gate()
    done = end(house.start("r1", **gated()))
    assert done.code == 0, done.report
    assert house.phases() == ["rolled_back", "committed"]
    house.is_wholly("r1")


def test_a_run_that_meets_a_rollback_waits_for_its_end(house: House) -> None:
    stop = "ExecStop=/bin/bash -c 'until [ -e /run/go ]; do sleep 0.1; done'\n"
    service = f"[Service]\nExecStart=sleep infinity\n{stop}"
    unit = f"{service}TimeoutStopSec=infinity\n[Install]\nWantedBy=multi-user.target\n"
    house.bring("r1", {"units/slow.service": unit})
    client = house.start("r1", **gated(3))
    house.reaches("rolling_back")
    kill(client)
    house.open_gate()
    again = house.start("r1", **gated())
    assert again.stdout
    assert "stopped while rolling_back" in again.stdout.readline()
    house.machine.run("touch /run/go")
    done = end(again)
    assert done.code == 0, done.report
    assert house.phases() == ["rolled_back", "committed"]
    house.is_wholly("r1")


def test_a_timer_outlives_a_new_systemd(house: House) -> None:
    house.bring("r1", {"activate.d/systemd": "systemctl daemon-reexec\n"})
    client = house.start("r1", activation_seconds=4, **gated(6))
    house.reaches("awaiting")
    house.machine.run("systemctl kill --kill-whom=all --signal=KILL homelab-activate.service")
    assert end(client).code == 1
    house.went_back()


def connected(house: House) -> bool:
    """Whether the deployer has an open SSH connection."""
    listed = run(*house.laptop.inside(), "ss", "-Hnt", "state", "established", "dport", "=", ":22")
    return bool(listed.strip())


@pytest.mark.parametrize("long", [False, True], ids=["shortly", "until-the-session-is-lost"])
def test_links_that_are_cut_during_the_activation_leave_a_consistent_state(
    house: House, long: bool
) -> None:
    house.bring("r1", SLOW)
    client = house.start("r1", **PATIENT)
    house.reaches("activating")
    for link in ADDRESSES:
        house.laptop.cut(link)
    house.machine.run("touch /run/go")
    house.reaches("awaiting")
    if long:
        eventually(lambda: not connected(house), "the client gives its session up", 120)
    for link in ADDRESSES:
        house.laptop.clear_faults(link)
    done = end(client)
    assert done.code == 0, done.report
    house.is_wholly("r1")
    assert house.phases() == ["committed"]


def test_two_clients_for_one_release_both_end_committed(house: House) -> None:
    house.bring("r1")
    both = [house.start("r1") for _ in range(2)]
    done = [end(client) for client in both]
    assert [each.code for each in done] == [0, 0], done
    house.is_wholly("r1")
    assert set(house.phases()) == {"committed"}


def test_two_clients_for_two_releases_take_turns(house: House) -> None:
    house.bring("r1")
    house.bring("r2")
    first = house.start("r1", **gated())
    house.reaches("awaiting")
    second = house.start("r2")
    assert second.stdout
    assert "waits for deployment" in second.stdout.readline()
    house.open_gate()
    assert end(first).code == 0
    done = end(second)
    assert done.code == 0, done.report
    house.is_wholly("r2")
    assert house.phases() == ["committed", "committed"]


def test_a_release_that_is_the_same_system_is_committed(house: House) -> None:
    for release in ("r1", "r2"):
        house.bring(release, {"label": "same\n"})
        done = house.switch(release)
        assert done.code == 0, done.report
        assert house.committed() == release
    house.is_wholly("same")


def test_a_rollback_to_the_same_system_ends(house: House) -> None:
    house.bring("r1", {"label": "same\n"})
    assert house.switch("r1").code == 0
    house.bring("r2", {"label": "same\n"})
    done = house.switch("r2", **gated(3))
    assert done.code == 1
    assert "the host is as before (release r1)" in done.report
    house.is_wholly("same")
    assert house.committed() == "r1"
