"""The problems of a stack do not depend on the order of Python's sets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.long
def test_every_process_reports_the_same_problems_in_the_same_order() -> None:
    """Each process has its own hash seed, which orders its sets. Any other test sees one order: the
    golden files differ in some runs if a set orders them.
    """
    printed = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.site.every_problem", "1"],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    first, second = (process.communicate()[0].decode().splitlines() for process in printed)
    assert len(first) > 1000
    assert first == second
