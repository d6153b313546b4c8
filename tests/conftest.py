"""Fixtures for every test: a test connects only to hosts that it created."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from _pytest.assertion import rewrite
from hypothesis import HealthCheck, settings

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
# No clock decides: on a busy machine, making examples takes long, too.
NO_CLOCK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", NO_CLOCK)
settings.register_profile("short", NO_CLOCK, max_examples=30)
settings.load_profile("short")

# Modules and test items stay until the end: the garbage collector need not look at them again.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a fresh clone, the processes of xdist share the rewriting of assertions.

    Pytest rewrites each test module and keeps the result beside it. All processes collect in the
    same order, so all would rewrite every module. Each rewrites another part of them first, without
    running them, and then finds what the others kept. Pytest has no public function for that;
    without these, its processes only start later.
    """
    worker: dict[str, object] = getattr(session.config, "workerinput", {})
    if not worker or sys.dont_write_bytecode:
        return
    directories = [Path(a) for a in session.config.args if Path(a).is_dir()]
    files = sorted({f.resolve() for d in directories for f in d.rglob("test_*.py")})
    cold = [f for f in files if not [*(f.parent / "__pycache__").glob(f"{f.stem}.*-pytest-*")]]
    number, of = int(str(worker["workerid"])[2:]), int(str(worker["workercount"]))
    with suppress(AttributeError, ImportError, TypeError):
        state = session.config.stash[rewrite.assertstate_key]
        for file in cold[len(cold) * number // of : len(cold) * (number + 1) // of]:
            kept = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
            rewrite.try_makedirs(kept.parent)
            # A file that is no Python is reported when it is collected.
            with suppress(OSError, SyntaxError):
                found, code = rewrite._rewrite_test(file, session.config)
                rewrite._write_pyc(state, code, found, kept)


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
