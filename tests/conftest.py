"""Fixtures for every test: a test connects only to hosts that it created."""

from __future__ import annotations

import gc
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from hypothesis import settings

from homelab.ops.machine.ssh import DIAL_MAP, DialMap

if not os.access("/nix/var/nix", os.W_OK):
    # Nix writes to its state directory even to parse, which an ordinary user may not.
    _NIX = Path(tempfile.gettempdir()) / f"homelab-nix-{os.getuid()}"
    for _name in ("STATE", "STORE", "LOG"):
        os.environ.setdefault(f"NIX_{_name}_DIR", str(_NIX / _name.lower()))

# A process runs one command, and a test hundreds: each would make all commands of `homelab` again.
typer.main.get_command = typer.testing._get_command = cache(typer.main.get_command)

# Examples of each property: `make test-lab` runs the properties again, with hypothesis' own
# number. Those of quoting have all of theirs in both.
settings.register_profile("short", max_examples=30, deadline=None)
settings.load_profile("short")

# Modules and test items stay until the end: the garbage collector need not look at them again.
gc.disable()


def pytest_collection_finish() -> None:
    """From now on only what tests make is looked at, and not after every few objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dial map without hosts."""
    path = tmp_path_factory.mktemp("dial") / "nowhere.json"
    path.write_text(DialMap(hosts={}, client_key="none").model_dump_json(), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def dials_nobody(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to addresses of test stacks fail, unless the test's lab maps them."""
    monkeypatch.setenv(DIAL_MAP, str(nowhere))
