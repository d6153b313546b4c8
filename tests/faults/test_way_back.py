"""A rollback completes, whoever starts it and whatever interrupts it."""

from __future__ import annotations

import time

import pytest

from tests.faults.house import House, end, gated, kill
from tests.faults.machine import eventually
from tests.faults.test_restart import KERNEL, RESTARTS

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

SLOW_STOP = "systemd-run --quiet --property=ExecStop='/bin/sleep 4' sleep infinity"
SLOW_LOADER = "touch /run/loader-waits-before; systemd-run --quiet sh -c 'sleep 19; rm /run/loader-waits-before'"


def test_a_power_cut_after_the_boot_default_changed_is_no_commit(house: House) -> None:
    house.bring("r1", KERNEL)
    house.machine.run("touch /run/loader-waits-after")
    client = house.start("r1", **RESTARTS, **gated(4))
    eventually(lambda: house.boots() == "r1", "the default has moved")
    kill(client)
    house.machine.cut_power()
    # The new system starts and is not confirmed.
    house.machine.boot()
    house.machine.restarts()
    house.went_back()


def test_a_commit_on_top_of_a_test_that_dies_gives_back_the_committed_boot_default(
    house: House,
) -> None:
    """The test runs again. The boot loader must not start it: only a switch commits it."""
    before = house.boots()
    house.bring("r1")
    done = house.switch("r1", mode="test")
    assert done.code == 0, done.report
    house.bring("r2")
    house.machine.run("touch /run/loader-waits-after")
    client = house.start("r2")
    eventually(lambda: house.boots() == "r2", "the default has moved")
    house.machine.run("systemctl kill --signal=KILL homelab-activate; rm /run/loader-waits-after")
    assert end(client).code == 1
    assert (house.running(), house.boots(), house.profile()) == ("r1", before, before)


def test_a_rollback_waits_for_a_slow_boot_loader(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated(4))
    house.machine.restarts()
    house.reaches("awaiting")
    house.machine.run(SLOW_LOADER)
    # The client finds no supervisor and starts the rollback too.
    house.machine.restarts()
    done = end(client)
    assert done.code == 1
    assert "not confirmed within 4 s" in done.report
    house.went_back()


def test_a_second_rollback_leaves_a_host_alone_that_shuts_down(house: House) -> None:
    """The restart of the first rollback is under way, and /nix may be unmounted already."""
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated(4))
    house.machine.restarts()
    house.reaches("awaiting")
    house.machine.run(SLOW_STOP)
    eventually(lambda: [*house.state.glob("deployments/*/went-back")], "the restart is under way")
    house.machine.run(
        "cd /var/lib/homelab/deployments/*; flock rollback.lock true;"
        "umount --lazy /nix; bash rollback.sh"
    )
    house.machine.restarts()
    assert end(client).code == 1
    house.went_back()


def test_a_rollback_leaves_a_host_alone_that_somebody_restarts(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", **gated(60))
    house.reaches("awaiting")
    kill(client)
    house.machine.run(SLOW_STOP)
    house.machine.run("systemctl --no-block reboot")
    house.machine.run("cd /var/lib/homelab/deployments/*; umount --lazy /nix; bash rollback.sh")
    assert house.phases() == ["awaiting"]
    house.machine.restarts()
    assert (house.running(), house.boots()) == ("as-installed", "as-installed")


def test_a_rollback_continues_after_a_power_cut(house: House) -> None:
    house.bring("r1", KERNEL)
    client = house.start("r1", **RESTARTS, **gated(4))
    house.machine.restarts()
    house.reaches("awaiting")
    kill(client)
    house.machine.run("touch /run/loader-waits-before")
    eventually(lambda: house.profile() == "as-installed", "the generation is back")
    assert house.boots() == "r1"
    house.machine.run("sync")
    house.machine.cut_power()
    # The rollback continues during the boot and reboots into the old system.
    house.machine.boot()
    house.went_back()


def test_a_commit_that_fails_after_the_timer_is_rolled_back(house: House) -> None:
    house.bring("r1")
    house.machine.run("touch /run/loader-waits-before")
    client = house.start("r1", activation_seconds=4, confirm={"seconds": 3})
    house.reaches("committing")
    eventually(lambda: not house.machine.is_active("homelab-rollback.timer"), "it has been through")
    time.sleep(1)
    house.machine.run("touch /run/loader-lies; rm /run/loader-waits-before")
    done = end(client)
    assert done.code == 1
    assert "confirmed, but it could not be made the boot default" in done.report
    house.went_back()


def test_a_report_reads_the_boot_default_from_the_boot_loader(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", **gated(6))
    house.reaches("awaiting")
    # Another system is in the profile, and the installer reports success wrongly.
    house.machine.run(
        "sed -i 's/^default .*/default gone.conf/' /boot/loader/loader.conf; touch /run/loader-lies"
    )
    done = end(client)
    assert done.code == 1
    assert "boots: another system than /nix/store/" in done.report


@pytest.mark.parametrize(
    "service",
    [
        "[Service]\nExecStart=/bin/sh -c 'sleep 1.2; exit 1'\nRestart=always\n",
        "[Service]\nExecStart=/bin/sh -c 'sleep 2; exit 1'\n",
    ],
    ids=["gives-up-starting-anew", "dies-once"],
)
def test_a_service_that_has_failed_by_the_confirmation_is_not_confirmed(
    house: House, service: str
) -> None:
    house.bring(
        "r1", {"units/crashes.service": f"{service}[Install]\nWantedBy=multi-user.target\n"}
    )
    done = house.switch("r1", confirm={"seconds": 20, "settle": 4})
    assert done.code == 1
    assert "failed since the switch: crashes.service" in done.report
    house.went_back()


def test_a_missing_certificate_causes_no_rollback(house: House) -> None:
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    house.bring("r1", {"units/acme-home.example.org.service": unit})
    done = house.switch("r1", confirm={"seconds": 20, "settle": 2})
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_a_late_failure_during_boot_is_waited_for(house: House) -> None:
    unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 8; exit 1'\n"
    house.bring(
        "r1", KERNEL | {"units/late.service": f"{unit}[Install]\nWantedBy=multi-user.target\n"}
    )
    client = house.start("r1", **RESTARTS)
    house.machine.restarts()
    house.machine.restarts()
    done = end(client)
    assert done.code == 1
    assert "restarted; failed: late.service" in done.report
    house.went_back()


@pytest.mark.requirement("S0-66")
def test_secrets_stay_for_as_long_as_their_generation(house: House) -> None:
    """An old generation in the boot menu has its own secrets."""
    for release in ("r1", "r2", "r3", "r4"):
        house.bring(release)
        assert house.switch(release).code == 0
    for release in ("r1", "r2", "r3", "r4"):
        assert (house.state / f"secrets/{release}/token").read_text() == release
    assert not (house.state / "releases/r1").exists()
    house.machine.run("nix-env -p /nix/var/nix/profiles/system --delete-generations 2 3")
    house.bring("r5")
    assert house.switch("r5").code == 0
    left = sorted(path.name for path in (house.state / "secrets").glob("r*"))
    assert left == ["r3", "r4", "r5"]
