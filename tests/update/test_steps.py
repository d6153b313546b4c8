"""Which upgrades need a person, and how versions of a host differ."""

from __future__ import annotations

import pytest

from homelab.catalog import find
from homelab.config.fact_parts import Upgrade
from homelab.evaluation.model import Versions
from homelab.evaluation.versions import Change, changes, package_options
from homelab.update.model import steps
from homelab.update.steps import steps_of
from tests import build

SOURCE = "https://forum.example/upgrade"
AT_TWO = Upgrade(version="2", what="moves", way_out="wait", source=SOURCE)
EVERY = Upgrade(what="one at a time", way_out="wait", source=SOURCE, one_major=True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1.9.3", "2.0.0", [(AT_TWO, False), (EVERY, False)]),
        ("1.9.3", "2", [(AT_TWO, False), (EVERY, False)]),
        ("1.9.3", "3.1", [(AT_TWO, False), (EVERY, True)]),
        ("2.0.0", "2.4.0", []),
        ("2.9", "3.0", [(EVERY, False)]),
        ("10.0.1", "11.0", [(EVERY, False)]),
        ("0.8.1", "0.9.0", [(EVERY, False)]),
        ("0.7.1", "0.9.0", [(EVERY, True)]),
        ("2.1", "1.0", [(EVERY, False)]),
        ("", "2.0", []),
        ("1.0", "", []),
    ],
)
def test_an_upgrade_applies_to_the_versions_that_pass_it(
    old: str, new: str, expected: list[tuple[Upgrade, bool]]
) -> None:
    assert [*steps_of((AT_TWO, EVERY), Change("forum", old, new))] == expected


def versions(packages: dict[str, str], services: dict[str, str], kernel: str) -> Versions:
    return Versions.model_validate(
        {
            "packages": [list(item) for item in packages.items()],
            "parts": {"kernel": ["linux", kernel]},
            "options": [
                {"name": name.split("."), "package": [name.split(".")[1], version]}
                for name, version in services.items()
            ],
        }
    )


def test_changes_name_the_service_and_the_database_of_a_package() -> None:
    plan = build.plan({"services": {"miniflux": {"host": "nas"}}})
    nas = plan.hosts["nas"]
    assert package_options(plan, nas) == (
        ("services", "miniflux", "package"),
        ("services", "postgresql", "package"),
    )
    old = versions(
        {"hello": "2.10", "gone": "1", "nixos-version": "a"},
        {"services.miniflux.package": "2.1.0", "services.postgresql.package": "16.4"},
        "6.12.1",
    )
    new = versions(
        {"hello": "2.12", "fresh": "3", "nixos-version": "b"},
        {"services.miniflux.package": "2.2.0", "services.postgresql.package": "17.2"},
        "6.12.9",
    )
    found = changes(plan, nas, old, new)
    assert {(c.name, c.old, c.new, c.services, c.database) for c in found} == {
        ("miniflux", "2.1.0", "2.2.0", ("miniflux",), ""),
        ("postgresql", "16.4", "17.2", (), "postgresql"),
        ("hello", "2.10", "2.12", (), ""),
        ("gone", "1", "", (), ""),
        ("fresh", "", "3", (), ""),
        ("kernel", "6.12.1", "6.12.9", (), ""),
    }
    (step,) = steps(plan, found)
    assert step.service == "postgresql (miniflux)"
    assert "pg_upgrade" in step.upgrade.way_out
    assert not [*steps(plan, changes(plan, nas, old, old))]


def test_nextcloud_may_not_skip_a_major_version() -> None:
    entry = find("nextcloud")
    assert entry is not None
    (upgrade,) = entry.upgrades
    found = [*steps_of((upgrade,), Change("nextcloud", "30.0.2", "32.0.1"))]
    assert found == [(upgrade, True)]
    found = [*steps_of((upgrade,), Change("nextcloud", "31.0.2", "32.0.1"))]
    assert found == [(upgrade, False)]
