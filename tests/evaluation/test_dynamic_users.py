"""The owner's facts and the evaluated units agree on DynamicUser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab.evaluation.dynamic_users import dynamic_users
from homelab.evaluation.model import Firewall, Ports, Report
from homelab.evaluation.plan import plan_asked
from homelab.ops.project.stack import open_stack
from homelab.problems import Problem
from tests import build, stackdir
from tests.evaluation.nixpkgs import evaluated

Facts = Mapping[str, object]
WEB = {"port": 8300, "movable": False, "bindable": False}
FORUM = {"title": "Forum", "ports": {"web": WEB}, "state": ["/var/lib/forum"]}
PRIVATE = {**FORUM, "state": ["/var/lib/private/forum"], "dynamic_user": True}
OWN = "hosts/nas/forum.nix"


def module(facts: Facts) -> dict[str, object]:
    return {"services": {"forum": {"host": "nas", "auth": "none", "module": facts}}}


def catalog(facts: Facts) -> dict[str, object]:
    return {"catalog": {"forum": facts}, "services": {"forum": {"host": "nas", "auth": "none"}}}


def report(setting: list[str]) -> Report:
    """The evaluated host, whose unit has this value of DynamicUser."""
    return Report(
        release="25.11",
        toplevel="",
        assertions=[],
        warnings=[],
        absent=[],
        declared=[],
        units={"forum": {"ExecStart": ["x"], "DynamicUser": setting}},
        users={},
        file_systems={},
        firewall=Firewall(enable=True, trusted=[], everywhere=Ports(), interfaces={}, rules=""),
        opened=[],
    )


def found(changes: Mapping[str, object], setting: list[str]) -> list[Problem]:
    plan = build.plan(changes)
    return [*dynamic_users(plan, plan.hosts["nas"], report(setting))]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        (module(FORUM), "services.forum.module.dynamic_user"),
        (catalog(FORUM), "catalog.forum.dynamic_user"),
    ],
)
@pytest.mark.parametrize("setting", [["true"], ["yes"], ["1"], ["false", "true"]])
def test_state_that_is_a_link_of_a_dynamic_user_is_an_error(
    changes: Mapping[str, object], where: str, setting: list[str]
) -> None:
    (problem,) = found(changes, setting)
    assert (problem.where, problem.severity) == (where, "error")
    assert "/var/lib/forum is a symbolic link" in problem.what
    assert problem.way_out == "write dynamic_user: true, and state: [/var/lib/private/forum]"
    assert found(module(PRIVATE), setting) == []


@pytest.mark.parametrize("setting", [[], ["false"], ["true", "no"], [""]])
def test_private_state_without_a_dynamic_user_is_an_error(setting: list[str]) -> None:
    (problem,) = found(module(PRIVATE), setting)
    assert problem.way_out == "remove dynamic_user, and write state: [/var/lib/forum]"
    assert found(module(FORUM), setting) == []


def test_the_units_of_own_facts_are_asked_for_their_dynamic_user() -> None:
    plan = build.plan(module(FORUM))
    asked = plan_asked(plan, plan.hosts["nas"])
    assert "forum" in asked.units
    assert "DynamicUser" in asked.settings


@pytest.mark.nixpkgs
def test_nix_finds_a_dynamic_user_that_the_facts_deny(tmp_path: Path) -> None:
    changes = {**module(FORUM), "hosts": {"nas": {"modules": [OWN]}}}
    stack = stackdir.write_stack(tmp_path / "stack", changes)
    unit = 'systemd.services.forum = { script = "true"; serviceConfig.DynamicUser = true; };'
    (stack / OWN).write_text(f"{{ {unit} }}\n", encoding="utf-8")
    nixpkgs = tmp_path / "nixpkgs"
    nixpkgs.mkdir()
    problems = evaluated(open_stack(stack, stackdir.NAME), "nas", nixpkgs).problems
    assert any("/var/lib/forum is a symbolic link" in p.what for p in problems), problems
