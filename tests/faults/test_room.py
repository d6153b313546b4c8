"""A full disk stops a switch before it starts, or rolls it back."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.faults.house import House, end, gated
from tests.faults.machine import eventually
from tests.faults.network import run

pytestmark = pytest.mark.requirement("S0-67", "S4-34")


def fill(disk: Path, leave_kib: int) -> Path:
    """Fill a disk except for this much."""
    free = int(run("df", "--output=avail", "-k", disk).split()[-1])
    blob = disk / "blob"
    run("fallocate", "-l", f"{free - leave_kib}KiB", blob)
    return blob


def fill_up(directory: Path) -> None:
    """Fill a disk to the last block."""
    directory.mkdir()
    with contextlib.suppress(OSError), (directory / "0").open("wb", buffering=0) as blob:
        while blob.write(bytes(65536)):
            pass
    with contextlib.suppress(OSError):
        for number in range(1, 100_000):
            (directory / str(number)).write_text("x")


def test_a_store_that_fills_up_during_the_build_activates_nothing(house: House) -> None:
    done = house.build("r1", {"facts/closure-mib": "500\n"})
    assert done.code != 0
    assert "No space left on device" in done.report
    assert not list((house.machine.root / "nix/store").glob("*r1*"))
    switched = house.switch("r1")
    assert switched.code == 1
    assert "release r1 is not built on it" in switched.report
    assert house.phases() == []
    house.is_wholly("as-installed")


def test_a_full_store_stops_the_build(house: House) -> None:
    blob = fill(house.machine.root / "nix", 100 << 10)
    done = house.build("r1")
    assert done.code != 0
    assert "/nix/store: " in done.report
    assert "free some space" in done.report
    assert house.switch("r1").code == 1
    assert house.phases() == []
    blob.unlink()
    house.bring("r1")
    assert house.switch("r1").code == 0
    house.is_wholly("r1")


def test_a_full_boot_partition_stops_the_build(house: House) -> None:
    blob = fill(house.machine.root / "boot", 18 << 10)
    done = house.build("r1", {"facts/kernel": "6.13 4\n"})
    assert done.code != 0
    assert "the new system's kernel and initrd need 4 MiB and" in done.report
    assert house.switch("r1").code == 1
    assert house.phases() == []
    house.is_wholly("as-installed")
    blob.unlink()
    house.bring("r1", {"facts/kernel": "6.13 4\n"})
    assert house.switch("r1").code == 0
    house.is_wholly("r1")


def test_a_full_boot_partition_does_not_stop_a_system_with_the_same_kernel(house: House) -> None:
    fill(house.machine.root / "boot", 1 << 10)
    house.bring("r1")
    assert house.switch("r1").code == 0
    house.is_wholly("r1")


def test_a_boot_partition_that_fills_up_before_the_commit_is_rolled_back(house: House) -> None:
    house.bring("r1", {"facts/kernel": "6.13 4\n"})
    client = house.start("r1", **gated())
    house.reaches("awaiting")
    fill(house.machine.root / "boot", 1 << 10)
    house.open_gate()
    done = end(client)
    assert done.code == 1
    assert "confirmed, but it could not be made the boot default" in done.report
    assert "No space left on device" in done.report
    house.went_back()
    house.machine.reboot()
    house.went_back()


def test_a_boot_loader_that_reports_success_wrongly_is_detected(house: House) -> None:
    house.bring("r1")
    house.machine.run("touch /run/loader-lies")
    done = house.switch("r1")
    assert done.code == 1
    assert "the boot loader's default is not the new system" in done.report
    house.went_back()


def test_a_full_state_directory_does_not_prevent_the_rollback(house: House) -> None:
    house.bring("r1")
    client = house.start("r1", activation_seconds=4, **gated(6))
    house.reaches("awaiting")
    blob = house.state / "blob"
    fill_up(blob)
    house.open_gate()
    assert end(client).code == 1
    shutil.rmtree(blob)
    eventually(lambda: house.running() == "as-installed", "it went back")
    house.went_back()
