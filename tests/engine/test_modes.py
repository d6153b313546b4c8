"""Modes of one run, with the real engine, as the guide prints them."""

from __future__ import annotations

import shlex

from homelab.components.targets import ALONE

from .conftest import Real
from .test_program import services


def test_a_dry_run_and_a_test_as_the_guide_prints_them(real: Real) -> None:
    real.write(services())
    up = real.up()
    assert up.ok, up.text
    variable, _, targets = ALONE.partition("=")
    real.write(services(port=8123))
    real.environment |= {"HOMELAB_MODE": "dry", variable: shlex.split(targets)[0]}
    preview = real.run("preview")
    assert preview.ok, preview.text
    dry = real.up()
    assert dry.ok, dry.text
    assert dry.steps["nas-dry"] == "create"
    assert "nas-switch" not in dry.steps
    assert "dry run; release" in dry.text

    del real.environment[variable]
    real.environment["HOMELAB_MODE"] = "test"
    tested = real.up()
    assert tested.ok, tested.text
    assert (tested.steps["nas-switch"], tested.steps["nas-dry"]) == ("update", "delete")
    assert "runs as a test; a reboot returns" in tested.text
    del real.environment["HOMELAB_MODE"]
    committed = real.up()
    assert committed.ok, committed.text
    assert committed.steps["nas-switch"] == "update"
