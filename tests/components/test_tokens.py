"""The types of our components, and what becomes of a state with the types of an earlier release."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import homelab.components
from homelab.components.component import Component
from homelab.config.stack import StackConfig
from homelab.lab.state import Record, Store
from homelab.lab.urn import type_of
from tests import build, stackdir
from tests.components.former import TOKENS, in_former_words
from tests.lab.test_rehearsal import HOMELAB, Lab

RECORDED = Path(__file__).parent / "urns_0_1_0.txt"
"""URNs that release 0.1.0 registered for the home stack."""


def components() -> list[type[Component]]:
    for file in Path(homelab.components.__path__[0]).glob("*.py"):
        importlib.import_module(f"homelab.components.{file.stem}")
    # Tests define others. All processes of xdist must have the same order.
    made = [c for c in Component.__subclasses__() if c.__module__.startswith("homelab.")]
    return sorted(made, key=lambda c: c.__name__)


def test_the_type_of_every_component_is_as_it_was() -> None:
    assert {c.token: c.former for c in components()} == TOKENS


@pytest.mark.parametrize("component", components(), ids=lambda c: c.__name__)
def test_a_type_is_the_section_of_the_stack_config_and_the_class(
    component: type[Component],
) -> None:
    package, section, name = component.token.split(":")
    assert (package, name) == ("homelab", component.__name__)
    assert section in {*StackConfig.model_fields, "index"}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "stack")
    lab.write()
    return lab


@pytest.mark.lab
def test_a_state_with_the_former_types_previews_as_no_change(lab: Lab) -> None:
    made = lab.json("up")["changes"]["create"]
    state = lab.directory / ".homelab/lab" / stackdir.NAME / "state.json"
    now = state.read_text("utf-8")
    state.write_text(in_former_words(now), "utf-8")

    assert lab.json("preview")["changes"] == {"same": made}
    up = lab.json("up")
    assert (up["changes"], up["connections"]) == ({"same": made}, {})
    assert {r.urn for r in Store(state.parent).read()} == {
        item["urn"] for item in json.loads(now)["resources"]
    }


@pytest.mark.lab
def test_what_release_0_1_0_registered_is_found_by_its_urn_or_an_alias(tmp_path: Path) -> None:
    """The release had other inputs, so resources are updated, and none is made anew or deleted."""
    shutil.copytree(build.SHIPPED, tmp_path, dirs_exist_ok=True)
    recorded = RECORDED.read_text("utf-8").split()
    place = tmp_path / ".homelab/lab/home"
    place.mkdir(parents=True)
    Store(place).write(
        Record(urn, type_of(urn), custom=not type_of(urn).startswith(("homelab:", "pulumi:pulumi")))
        for urn in recorded
    )
    done = subprocess.run(
        [*HOMELAB, "lab", "preview", "-s", "home", "-C", str(tmp_path), "--json"],
        cwd=build.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    preview = json.loads(done.stdout)
    assert preview["ok"], preview["errors"]
    assert [step["urn"] for step in preview["steps"] if step["op"] == "delete"] == []
    kept = {op: count for op, count in preview["changes"].items() if op != "create"}
    assert sum(kept.values()) == len(recorded)
