"""Every service of the catalog works with its default settings, on both releases."""

from __future__ import annotations

import shutil

import pytest

from homelab.catalog import ENTRIES, upstream
from homelab.catalog.kit import flaws
from homelab.checks import run_checks
from homelab.ops.service import exposure
from tests.catalog.table import RELEASES, cells, lines, plan_of
from tests.tools.walk import walk

each = walk("name", sorted(ENTRIES))
_DEMANDS = {"option-demanded", "password-present", "service-needs"}
"""What only an owner can state."""
_STRICTEST = {
    "phpfpm-nextcloud": 4.1,
    "syncthing": 4.8,
}
_LEVEL = 3.9
"""Exposure of systemd-analyze: 0 is closed, 10 is open, and below 5 is its OK."""


@each
@pytest.mark.requirement("S2-04")
def test_no_cell_of_a_service_is_empty(name: str) -> None:
    """Port, route, sign-in, secrets, backup, sandbox, monitor, tile: each a fact or a reason."""
    row = cells(ENTRIES[name])
    assert all(row), row
    assert not any("write " in cell for cell in row), row


@each
def test_the_facts_of_a_service_hold_on_both_releases(name: str) -> None:
    """By the facts of its module in nixpkgs."""
    entry = ENTRIES[name]
    for release in RELEASES:
        if release >= entry.since:
            assert list(flaws(entry, (release,))) == []
            assert name in lines(release)
            for module in entry.at(release).modules or (name,):
                assert upstream.release_of(module, release) is not None, module


@pytest.mark.parametrize("release", RELEASES)
def test_all_services_work_in_one_stack(release: str) -> None:
    """Only what the owner has to state is missing."""
    found = [p for p in run_checks(plan_of(release)) if p.where.startswith("services.")]
    assert [p for p in found if p.severity == "error" and p.check not in _DEMANDS] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(
    "release", [pytest.param(r, marks=pytest.mark.long) for r in RELEASES[:-1]] + [RELEASES[-1]]
)
@pytest.mark.requirement("S4-19")
def test_the_sandbox_of_every_unit_is_strict(release: str) -> None:
    """By `systemd-analyze security`, with what homelab writes into the unit alone."""
    plan = plan_of(release)
    rated = 0
    for unit in plan.hardening:
        service = next((s for s in plan.on(unit.host) if s.name == unit.service), None)
        if service is None or not unit.has_baseline:
            continue
        level = exposure(unit, service.entry.user, dynamic=service.entry.dynamic_user)
        if not level:
            pytest.skip("this systemd-analyze reads no unit files")
        rated += 1
        assert float(level.split()[0]) <= _STRICTEST.get(unit.unit, _LEVEL), unit.unit
    assert rated > 50
