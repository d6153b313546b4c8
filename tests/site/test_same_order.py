"""What is said of a stack does not depend on how Python happens to order a set."""

from __future__ import annotations

import os
import subprocess
import sys


def test_every_problem_is_the_same_in_each_process() -> None:
    """Each process draws its own hash seed, and orders sets by it."""
    printed = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.site.every_problem"],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    first, second = (process.communicate()[0].decode().splitlines() for process in printed)
    assert len(first) > 1000
    assert first == second
