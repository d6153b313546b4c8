"""The plan, and all checks together, do work in proportion to the fleet: counted, not timed."""

from __future__ import annotations

import cProfile
import pstats
import sys
from types import FrameType
from typing import Any

import pytest

from homelab.checks import run_checks
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.planner import make_plan
from tests import build
from tests.fleet import large


def calls(hosts: int) -> int:
    """Function calls of all checks, for a fleet whose every service states an option."""
    changes = large(hosts)
    services = changes["services"]
    assert isinstance(services, dict)
    for name, service in services.items():
        option = f"systemd.services.{name}.environment.PROXY"
        service["options"] = {option: "http://192.0.2.1:8080"}
    plan = make_plan(load_stack_config(build.document(changes)), Lock())
    profile = cProfile.Profile()
    profile.runcall(lambda: list(run_checks(plan)))
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("hosts", [14, pytest.param(40, marks=pytest.mark.long)])
def test_twice_the_fleet_is_twice_the_work_of_the_checks(hosts: int) -> None:
    calls(10)  # fills what is kept between runs
    assert calls(2 * hosts) < 2.3 * calls(hosts)


def lines(hosts: int) -> int:
    """Lines that planning a fleet executes. A call of a function is no measure of it: one that
    looks at every service is a single call.
    """
    stack = load_stack_config(build.document(large(hosts)))
    count = 0

    def each(_: FrameType, event: str, __: Any) -> Any:
        nonlocal count
        count += event == "line"
        return each

    before = sys.gettrace()
    sys.settrace(each)
    try:
        make_plan(stack, Lock())
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("hosts", [14, pytest.param(24, marks=pytest.mark.long)])
def test_twice_the_fleet_is_twice_the_work_of_the_plan(hosts: int) -> None:
    lines(10)  # fills what is kept between runs
    assert lines(2 * hosts) < 2.3 * lines(hosts)
