"""Authelia accepts the rendered settings without warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs.authelia import configured, run_with
from tests.programs.rendered import ALL, planned
from tests.tools.programs import need_here

WITH_ONE = [n for n in ALL if (i := planned(n).identity) is not None and i.provider == "authelia"]

NO_RULES = "no rules have been specified so the 'default_policy' of 'two_factor' is going to be"
"""A stack without a name behind sign-in has no rules, and Authelia does not start with `deny`."""


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.requirement("S0-26", "S0-27", "S1-08")
def test_the_settings_are_accepted(name: str, tmp_path: Path) -> None:
    """Rules, session, and clients with scopes and claims."""
    need_here("authelia")
    config, env = configured(planned(name), tmp_path, 9091)
    said = run_with(env, "authelia", "config", "validate", "--config", config)
    complaints = [line for line in said.splitlines() if line.lstrip().startswith("- ")]
    assert [c for c in complaints if NO_RULES not in c] == []
    assert said.startswith("Configuration parsed and loaded")
