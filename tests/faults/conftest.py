"""A clean machine per test. Without `make faults` nothing here is collected."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import image
from tests.faults.__main__ import WORK
from tests.faults.house import House
from tests.faults.machine import Machine
from tests.faults.network import Laptop

if WORK not in os.environ:
    collect_ignore_glob = ["test_*.py"]


_numbers = itertools.count(1)


@pytest.fixture
def house() -> Iterator[House]:
    work = Path(os.environ[WORK])
    name = f"{work.name.rpartition('-')[2]}-{os.getpid()}-{next(_numbers)}"
    laptop = Laptop(name, work / f"laptop-{name}")
    try:
        machine = Machine(name, Path(os.environ[image.IMAGE]), work / f"machine-{name}", laptop)
        try:
            machine.boot()
            yield House(laptop, machine)
        finally:
            # Shown for a test that fails.
            print(machine.journal())
            machine.remove()
    finally:
        laptop.remove()
