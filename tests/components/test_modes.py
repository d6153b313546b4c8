"""What the mode of a host does to its resources."""

from __future__ import annotations

import json

import pytest

from homelab.components.program import refuse_whole_dry_run
from homelab.components.targets import ALONE
from homelab.deploy.modes import mode_of
from homelab.deploy.spec import json_of
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import open_stack
from homelab.problems import HomelabError, UsageError
from homelab.testing import Recorded, Resource
from tests import build
from tests.components.test_program import OFFLINE, home, up

pytestmark = pytest.mark.requirement("S0-66")


def commands(run: Recorded) -> dict[str, Resource]:
    return {r.name: r for r in run.of(":local:Command")}


@pytest.mark.parametrize("mode", ["test", pytest.param("boot", marks=pytest.mark.long)])
def test_a_test_is_in_the_spec_of_the_switch(mode: str) -> None:
    """So any other mode is a change, and runs."""
    found = commands(home({"deploy": {"mode": mode}}))
    assert set(found) == set(commands(up()))
    assert json.loads(json_of(found["pi-switch"].inputs["stdin"]))["mode"] == mode
    assert "mode" not in json.loads(json_of(commands(up())["pi-switch"].inputs["stdin"]))


def test_a_dry_run_is_a_resource_of_its_own_and_the_switch_stays() -> None:
    run = home({"hosts": {"pi": {"mode": "dry"}}})
    found = commands(run)
    assert set(found) - set(commands(up())) == {"pi-dry"}
    assert json.loads(json_of(found["pi-dry"].inputs["stdin"]))["mode"] == "dry"
    assert found["pi-dry"].inputs["create"].endswith(" switch pi")
    assert "create" not in found["pi-switch"].inputs
    assert found["aurora-switch"].inputs["create"].endswith(" switch aurora")


def test_a_dry_run_leaves_what_shows_the_deployed_release() -> None:
    """So the preview of the switch after it shows each line that changes."""
    run = home({"hosts": {"pi": {"mode": "dry"}}})
    shown = {"pi": ["builder", "release"], "aurora": []}
    assert {h.name: h.ignored for h in run.of(":Host") if h.name in shown} == shown
    files = [f for f in run.of(":File") if f.name.startswith(("pi/", "aurora/"))]
    assert {f.name.partition("/")[0] for f in files} == {"pi", "aurora"}
    assert all(f.ignored == (["text"] if f.name.startswith("pi/") else []) for f in files)
    assert not [r for r in home({"hosts": {"pi": {"mode": "test"}}}).of(":File") if r.ignored]


@pytest.mark.parametrize(
    "mode", ["dry", *(pytest.param(m, marks=pytest.mark.long) for m in ("test", "boot"))]
)
def test_a_host_that_fetches_its_release_shows_what_it_has(mode: str) -> None:
    offline = {"wake_by": None, "pull_from": "pi"}
    run = home({"hosts": {OFFLINE: {"mode": mode, "offline": offline}}})
    files = [f for f in run.of(":File") if f.name.startswith(f"{OFFLINE}/")]
    assert files
    assert all(f.ignored == ["text"] for f in files)


def test_a_mode_changes_no_release() -> None:
    releases = {h.name: h.inputs["release"] for h in up().of(":Host") if "release" in h.inputs}
    tried = home({"deploy": {"mode": "test"}}).of(":Host")
    assert {h.name: h.inputs["release"] for h in tried if "release" in h.inputs} == releases


def test_a_host_that_fetches_its_release_keeps_its_switch() -> None:
    offline = {"wake_by": None, "pull_from": "pi"}
    found = commands(home({"hosts": {OFFLINE: {"mode": "dry", "offline": offline}}}))
    assert "create" not in found[f"{OFFLINE}-switch"].inputs
    assert f"{OFFLINE}-dry" not in found


def test_the_variable_takes_a_mode_and_nothing_else() -> None:
    assert mode_of({}) is None
    assert mode_of({"HOMELAB_MODE": "boot"}) == "boot"
    with pytest.raises(UsageError, match='is "tets"'):
        mode_of({"HOMELAB_MODE": "tets"})


def test_a_dry_run_never_changes_a_cloud() -> None:
    stack = open_stack(build.SHIPPED, "home")
    target, _, value = ALONE.partition("=")
    refuse_whole_dry_run(stack, "test", {})
    refuse_whole_dry_run(stack, "dry", {target: value.strip("'")})
    with pytest.raises(HomelabError, match="run it for the hosts alone: PULUMI_OPTION_TARGET="):
        refuse_whole_dry_run(stack, "dry", {})
    with rehearsed(), pytest.raises(HomelabError, match="in the lab, write homelab:deploy") as lab:
        refuse_whole_dry_run(stack, "dry", {})
    assert "TARGET" not in str(lab.value), "the lab refuses it"
