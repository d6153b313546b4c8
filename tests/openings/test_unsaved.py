"""Data outside the plan that no backup contains."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from tests import build, stackdir

OWN: dict[str, Any] = {"hosts": {"nas": {"modules": ["own.nix"]}}}
X = "virtualisation.oci-containers.containers.x.volumes"

pytestmark = pytest.mark.requirement("S0-32")


def told(line: str, changes: dict[str, Any] | None = None) -> list[str]:
    plan = build.plan(stackdir.changed(testing.changed(OWN, changes or {})))
    found = check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"})
    return [p.what for p in found if p.check == "backup-own"]


def extra(path: str) -> dict[str, Any]:
    return {"backup": {"extra": {"mine": {"host": "nas", "paths": [path]}}}}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("services.paperless.enable = true;", "/var/lib/paperless"),
        ('services.paperless = { enable = true; dataDir = "/srv/p"; };', "/srv/p"),
        ("services.postgresql.enable = true;", "/var/lib/postgresql"),
        ("services.mysql.enable = true;", "/var/lib/mysql"),
        (f'{X} = [ "/srv/x:/x" ];', "/srv/x"),
        (f'{X} = [ "/srv/x:/x:rw,z" ];', "/srv/x"),
    ],
)
def test_data_that_only_a_module_of_the_owner_writes_is_told_until_it_is_saved(
    line: str, path: str
) -> None:
    (what,) = told(line)
    assert what.endswith(f"and no backup contains {path}")
    assert not told(line, extra(path))
    assert not told(line, {"hosts": {"nas": {"role": "agent"}}})
    accepted = {"hosts": {"nas": {"accept": {"not-backed-up": "it is a trial"}}}}
    assert not told(line, accepted)


@pytest.mark.parametrize(
    "line",
    [
        "services.paperless.enable = false;",
        "services.caddy.enable = true;",
        "services.fwupd.enable = true;",
        f'{X} = [ "/srv/x:/x:ro" "named:/y" "/var/cache/x:/z" ];',
    ],
)
def test_what_needs_no_backup_is_not_told(line: str) -> None:
    assert not told(line)


def test_a_service_of_the_stack_says_itself_what_is_saved() -> None:
    wiki = {"paperless": {"host": "nas", "backup": {"skip": "the papers are in the attic"}}}
    assert not told("services.paperless.enable = true;", {"services": wiki})
    assert not told(
        "services.postgresql.enable = true;", {"services": {"miniflux": {"host": "nas"}}}
    )


def test_a_volume_among_the_options_of_a_service_is_told_unless_its_backup_is_stated() -> None:
    def found(**config: Any) -> list[str]:
        options = {X: ["/srv/x:/x"]}
        services = {"navidrome": {"host": "nas", "options": options, **config}}
        plan = build.plan(stackdir.changed({"services": services}))
        return [p.where for p in run_checks(plan, {"backup-own"})]

    assert found() == [f"services.navidrome.options.{X}"]
    assert found(backup={"include": ["/var/lib/navidrome"]}) == []
    assert found(backup={"skip": "it can be made again"}) == []
