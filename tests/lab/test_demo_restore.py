"""The demonstration of `make demo-restore`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import build
from tests.demo_restore import demonstrate
from tests.tools.programs import need

pytestmark = [pytest.mark.lab, pytest.mark.requirement("S0-36")]


def test_a_house_is_restored_from_its_repository_its_key_and_one_target(tmp_path: Path) -> None:
    for program in ("git", "jq", "restic", "sqlite3"):
        need(program)
    figures = demonstrate(build.SHIPPED, "home", None, tmp_path)
    plan_hosts, jobs, compared = (figures[key] for key in ("hosts", "jobs", "compared"))
    assert plan_hosts == 3
    assert isinstance(jobs, int)
    assert jobs >= 10
    assert isinstance(compared, int)
    assert compared > 10 * jobs
