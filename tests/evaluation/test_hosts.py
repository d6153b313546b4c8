"""Every host of every shipped stack evaluates with nixpkgs."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from homelab.ops.project.stack import Stack, open_stack
from tests.build import ROOT, SHIPPED
from tests.evaluation import stacks
from tests.evaluation.nixpkgs import NIXPKGS, evaluated

pytestmark = pytest.mark.nixpkgs

MORE = os.environ.get("HOMELAB_EVAL_STACKS", "")
"""A directory with further stacks, each in its own directory."""


_WRITTEN = tempfile.TemporaryDirectory(prefix="stacks-")


def _stacks() -> list[tuple[Path, str]]:
    tops = [SHIPPED, *sorted((ROOT / "examples").iterdir())]
    tops += [stacks.write(name, Path(_WRITTEN.name) / name) for name in stacks.STACKS]
    tops += sorted(p for p in Path(MORE).iterdir() if p.is_dir()) if MORE else []
    return [(top, f.name[7:-5]) for top in tops for f in sorted(top.glob("Pulumi.*.yaml"))]


@cache
def _opened(top: Path, name: str) -> Stack:
    return open_stack(top, name)


# Without a nixpkgs nothing here runs, and no stack has to be read for that.
HOSTS = [(t, n, host) for t, n in _stacks() for host in _opened(t, n).releases] if NIXPKGS else []


@pytest.mark.parametrize(("top", "name", "host"), HOSTS, ids=[f"{n}-{h}" for _, n, h in HOSTS])
def test_a_host_evaluates_without_a_problem(
    top: Path, name: str, host: str, tmp_path: Path
) -> None:
    """To its toplevel: no assertion, no warning, every unit with its planned sandbox, every
    mount there, and no port open that the plan does not know."""
    found = evaluated(_opened(top, name), host, tmp_path)
    assert [str(p) for p in found.problems] == []
    assert found.answer.toplevel.endswith(".drv")
