"""Modes of one run with the real engine, as `homelab up nas --mode dry` sets them."""

from __future__ import annotations

from homelab.deploy.modes import TARGET, targets_of

from .conftest import Real
from .test_program import services


def test_a_dry_run_and_a_test_of_one_run(real: Real) -> None:
    real.write(services())
    up = real.up()
    assert up.ok, up.text
    real.write(services(port=8123))
    real.environment |= {"HOMELAB_MODE": "dry", TARGET: targets_of(["nas"])}
    preview = real.run("preview")
    assert preview.ok, preview.text
    dry = real.up()
    assert dry.ok, dry.text
    assert dry.steps["nas-dry"] == "create"
    assert "nas-switch" not in dry.steps
    assert "dry run; release" in dry.text

    del real.environment[TARGET]
    real.environment["HOMELAB_MODE"] = "test"
    tested = real.up()
    assert tested.ok, tested.text
    assert (tested.steps["nas-switch"], tested.steps["nas-dry"]) == ("update", "delete")
    assert "runs as a test; a reboot returns" in tested.text
    del real.environment["HOMELAB_MODE"]
    committed = real.up()
    assert committed.ok, committed.text
    assert committed.steps["nas-switch"] == "update"
