"""The report names every unit that a module of nixpkgs makes, with a sandbox of homelab or not."""

from __future__ import annotations

import pytest

from homelab.catalog.upstream.ask import matches, release_of
from homelab.hardening.report import bare_units
from tests import build
from tests.site.rich import RICH

pytestmark = pytest.mark.requirement("S4-19", "S4-20")


def test_the_collector_of_scrutiny_runs_as_root_without_our_sandbox() -> None:
    plan = build.plan({"services": {"scrutiny": {"host": "nas"}}})
    first, *others = [b for b in bare_units(plan.services) if b.service == "scrutiny"]
    assert (first.unit, first.user) == ("scrutiny-collector", "root")
    assert [b.unit for b in others] == ["influxdb2"]


def test_each_unit_of_each_module_is_in_the_report() -> None:
    plan = build.plan(RICH)
    ours = {u.unit for u in plan.hardening}
    bare = {(b.host, b.service, b.unit) for b in bare_units(plan.services)}
    missing = [
        (service.name, unit)
        for service in plan.services
        for module in service.modules
        if (facts := release_of(module, service.release)) is not None
        for unit in facts.units
        if "{" not in unit
        and (service.host, service.name, unit) not in bare
        and not any(matches(unit, own) for own in service.units)
    ]
    assert missing == []
    assert bare
    assert not {unit for _, _, unit in bare} & ours
