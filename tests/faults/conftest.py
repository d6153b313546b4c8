"""A clean machine per test. Without `make faults` nothing here is collected."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import image
from tests.faults.__main__ import BOOT, WORK
from tests.faults.computer import Computer
from tests.faults.house import House
from tests.faults.keeper import Keeper
from tests.faults.machine import Machine
from tests.faults.mover import Pair, rendered
from tests.faults.network import Laptop, run
from tests.faults.saver import DISKS, Saver, equip

if WORK not in os.environ:
    collect_ignore_glob = ["test_*.py"]


_numbers = itertools.count(1)


@pytest.fixture
def house() -> Iterator[House]:
    yield from _house(_machine)


@pytest.fixture
def saver() -> Iterator[Saver]:
    """A machine with backups, an app and databases, that has just started."""
    for house in _house(_saving):
        assert isinstance(house.machine, Machine)
        yield Saver(house)


@pytest.fixture
def pair(saver: Saver) -> Iterator[Pair]:
    """That machine, and a second one whose release has its services and waits for their data."""
    work = Path(os.environ[WORK])
    name = f"{work.name.rpartition('-')[2]}-{os.getpid()}-{next(_numbers)}"
    laptop = Laptop(name, work / f"laptop-{name}")
    try:
        image_of = Path(os.environ[image.IMAGE])
        target = Machine(name, image_of, work / f"machine-{name}", laptop, DISKS)
        try:
            equip(target, rendered())
            run("rm", "-r", target.root / "var/lib/notes")
            wants = target.root / "usr/local/lib/systemd/system/multi-user.target.wants"
            (wants / "notes.service").unlink()
            target.sync()
            target.boot()
            yield Pair(saver, target)
        finally:
            print(target.journal())
            target.remove()
    finally:
        laptop.remove()


@pytest.fixture
def booting_house() -> Iterator[House]:
    """The same with firmware, boot loader and kernel: slower, for tests that need them."""
    if BOOT not in os.environ:
        pytest.skip("an emulated computer takes minutes: make boot-faults")
    if not image.boots_computers():
        pytest.skip("no firmware and kernel of this architecture are known here")
    with _slot(Path(os.environ[WORK])):
        yield from _house(_computer)


@pytest.fixture
def keeper(house: House) -> Iterator[Keeper]:
    """The relay of the machine, which is an offline host here."""
    assert isinstance(house.machine, Machine)
    directory = Path(os.environ[WORK]) / f"keeper-{house.machine.name}"
    keeper = Keeper(Path(os.environ[image.IMAGE]), directory, house.laptop)
    try:
        keeper.keeps_for(house.machine)
        yield keeper
    finally:
        keeper.remove()


@contextlib.contextmanager
def _slot(work: Path) -> Iterator[None]:
    """At most two at a time: each uses a core, and slow ones would fail."""
    slots = [(work / f"slot-{number}").open("w") for number in range(2)]
    try:
        while True:
            for slot in slots:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
            time.sleep(0.5)
    finally:
        for slot in slots:
            slot.close()


def _machine(name: str, work: Path, laptop: Laptop) -> Machine:
    return Machine(name, Path(os.environ[image.IMAGE]), work / f"machine-{name}", laptop)


def _saving(name: str, work: Path, laptop: Laptop) -> Machine:
    image_of = Path(os.environ[image.IMAGE])
    machine = Machine(name, image_of, work / f"machine-{name}", laptop, DISKS)
    equip(machine)
    return machine


def _computer(name: str, work: Path, laptop: Laptop) -> Computer:
    return Computer(name, Path(os.environ[image.COMPUTER_IMAGE]), work, laptop)


def _house(make: Callable[[str, Path, Laptop], Machine | Computer]) -> Iterator[House]:
    work = Path(os.environ[WORK])
    name = f"{work.name.rpartition('-')[2]}-{os.getpid()}-{next(_numbers)}"
    laptop = Laptop(name, work / f"laptop-{name}")
    try:
        machine = make(name, work, laptop)
        try:
            machine.boot()
            house = House(laptop, machine)
            yield house
            # A test may have put another one in its place.
            machine = house.machine
        finally:
            # Printed for a failed test.
            print(machine.journal())
            machine.remove()
    finally:
        laptop.remove()
