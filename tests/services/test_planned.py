"""Planned services: in the inventory, and nowhere else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from homelab.config.services import KINDS
from homelab.problems import InvalidStackError
from homelab.services.report import report_on
from homelab.show import as_data, as_tables
from tests import build
from tests.site.test_kinds import SERVICES

SOON = "after the new disk"


@pytest.mark.requirement("S3-17")
def test_a_planned_service_is_in_the_inventory_and_changes_no_file() -> None:
    """Its name need not be in the catalog."""
    changes = {"services": {"penpot": {"planned": SOON}, "jellyfin": {"host": "nas"}}}
    plan = build.plan(changes)
    assert as_data(plan)["planned"] == {"penpot": SOON}
    out = io.StringIO()
    as_tables(plan, Console(file=out, width=200))
    assert "penpot" in out.getvalue()
    assert SOON in out.getvalue()
    assert build.problems(changes) == build.problems({"services": {"jellyfin": {"host": "nas"}}})
    assert build.render(changes) == build.render({"services": {"jellyfin": {"host": "nas"}}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.requirement("S3-17")
def test_a_planned_service_of_each_kind_registers_nothing(kind: str) -> None:
    name = "jellyfin" if kind == "catalog" else "app"
    plan = build.plan({"services": {name: {**SERVICES[kind], "planned": SOON}}})
    assert plan.service(name) is None
    assert not plan.routes_of(name)
    assert build.render({"services": {name: {**SERVICES[kind], "planned": SOON}}}) == build.render()


@pytest.mark.requirement("S2-15")
def test_a_service_that_is_switched_off_leaves_no_trace() -> None:
    off = {"services": {"zigbee2mqtt": {"host": "nas", "enable": False}}}
    assert build.render(off) == build.render()
    assert build.problems(off) == build.problems()


def test_a_planned_service_that_a_section_needs_is_an_error() -> None:
    found = build.problems({"services": {"caddy": {"planned": SOON}}})
    assert [p.where for p in found if p.check == "service-placed"] == ["services.caddy.planned"]


def test_the_report_on_a_planned_service_says_why_it_does_not_run() -> None:
    plan = build.plan({"services": {"penpot": {"planned": SOON}}})
    (problem,) = report_on(plan, "penpot", (), {}).problems
    assert problem.where == "services.penpot.planned"
    assert SOON in problem.what


def test_planned_and_enable_exclude_each_other() -> None:
    with pytest.raises(InvalidStackError, match="leave enable out"):
        build.stack_config({"services": {"penpot": {"planned": SOON, "enable": True}}})


@pytest.mark.requirement("S3-17")
def test_a_planned_service_may_use_another_planned_one() -> None:
    both = {"services": {"a": {"planned": SOON, "uses": ["b"]}, "b": {"planned": SOON}}}
    assert not build.found(both, "service-uses")
    runs = {"services": {"jellyfin": {"host": "nas", "uses": ["b"]}, "b": {"planned": SOON}}}
    assert len(build.found(runs, "service-uses")) == 1
