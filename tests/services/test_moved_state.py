"""State that an option moves to another disk: nothing starts on the empty mount point."""

from __future__ import annotations

from typing import Any

from homelab.services.nixos import modules
from tests import build
from tests.household import Changes

PHOTOS = "/tank/photos/immich"


def units_of(service: Changes) -> dict[str, list[str]]:
    """What each unit of Immich requires."""
    plan = build.plan({"services": {"immich": {"host": "nas", **service}}})
    (module,) = [m for m in modules(plan, plan.hosts["nas"]) if m.file == "services/immich.nix"]
    made: Any = module.derived
    found = made.get("systemd", {}).get("services", {})
    return {
        unit: body["unitConfig"]["RequiresMountsFor"]
        for unit, body in found.items()
        if "unitConfig" in body
    }


def test_an_existing_library_is_waited_for_by_every_unit() -> None:
    moved: Changes = {"options": {"services.immich.mediaLocation": PHOTOS}}
    waits = units_of(moved)
    assert waits == {"immich-server": [PHOTOS], "immich-machine-learning": [PHOTOS]}
    assert units_of({}) == {}
    both = units_of({**moved, "state": ["/tank/albums"]})
    assert sorted(both["immich-server"]) == ["/tank/albums", PHOTOS]


def test_its_backup_needs_the_disk_too() -> None:
    """Without it, the backup would keep an empty directory."""
    target = {"targets": {"b": {"kind": "local", "host": "nas", "path": "/srv/r"}}}
    service = {"host": "nas", "options": {"services.immich.mediaLocation": PHOTOS}}
    plan = build.plan({"services": {"immich": service}, "backup": target})
    (job,) = [j for j in plan.backup.jobs if j.name == "immich"]
    assert (job.paths, job.mounts) == ((PHOTOS,), (PHOTOS,))
    here = build.plan({"services": {"immich": {"host": "nas"}}, "backup": target})
    (job,) = [j for j in here.backup.jobs if j.name == "immich"]
    assert job.mounts == ()
