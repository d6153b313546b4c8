"""A homelab reads the catalog's facts of its own services, not those of every other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from homelab.catalog import ENTRIES
from tests import build

READ = """
import sys
from pathlib import Path
from homelab.catalog import find
from homelab.ops.project.stack import check_stack
plan, _ = check_stack(Path("tests/shipped"), sys.argv[1])
print(find.cache_info().currsize, len({s.entry.name for s in plan.services}))
"""


@pytest.mark.parametrize("stack", ["cabin", pytest.param("home", marks=pytest.mark.long)])
def test_a_plan_with_its_checks_reads_no_facts_of_other_services(stack: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, stack],
        cwd=build.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    read, used = map(int, done.stdout.split())
    assert used <= read < used + 15 < len(ENTRIES) / 2
