"""Directories of a NAS, and the datasets on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes
from tests.programs.rendered import settings

SHARE = "192.168.1.9:/volume1/media"
FILMS = {"host": "nas", "path": "/mnt/nas/films", "tier": "re-derivable", "group": "media"}


def stack(dataset: Mapping[str, object] = FILMS, **stated: object) -> Changes:
    """nas with a share at /mnt/nas, and Jellyfin, which reads the films on it."""
    return {
        "hosts": {"nas": {"file_systems": {"/mnt/nas": {"share": SHARE, **stated}}}},
        "datasets": {"films": dataset},
        "services": {"jellyfin": {"host": "nas", "datasets": {"media": "films"}}},
    }


def of_nas(changes: Changes, option: str, directory: Path) -> dict[str, Any]:
    found = dict(settings(build.plan(changes), option, directory)).get("nas", {})
    assert isinstance(found, dict)
    return found


def test_a_share_is_mounted_when_it_is_used_and_holds_up_no_boot(tmp_path: Path) -> None:
    found = of_nas(stack(options=["nfsvers=3", "soft"]), "fileSystems", tmp_path)["/mnt/nas"]
    assert (found["device"], found["fsType"]) == (SHARE, "nfs")
    assert {"nofail", "_netdev", "x-systemd.automount", "nfsvers=3", "soft"} <= {*found["options"]}
    assert "hard" not in found["options"]
    assert "hard" in of_nas(stack(), "fileSystems", tmp_path)["/mnt/nas"]["options"]


def test_owners_on_a_nas_stay_as_they_are(tmp_path: Path) -> None:
    """Root of a host may not change them, or takes the files from the other clients of the NAS."""
    on_nas: tuple[Changes, ...] = (
        stack({**FILMS, "dirs": {"new": {}}}),
        # A module of the owner mounts it, and the stack says what it is.
        {"datasets": {"films": {**FILMS, "mount": "/mnt/nas", "fs": "cifs"}}},
    )
    for changes in on_nas:
        assert "10-datasets" not in of_nas(changes, "systemd.tmpfiles.settings", tmp_path)
    here: Changes = {"datasets": {"films": {**FILMS, "path": "/srv/films"}}}
    assert "10-datasets" in of_nas(here, "systemd.tmpfiles.settings", tmp_path)


def test_a_service_waits_for_its_share_and_starts_when_the_nas_answers(tmp_path: Path) -> None:
    units = of_nas(stack(), "systemd.services", tmp_path)
    unit = units["jellyfin"]
    assert "/mnt/nas/films" in unit["unitConfig"]["RequiresMountsFor"]
    assert "mnt-nas.mount" in unit["wantedBy"]
    assert "media" in unit["serviceConfig"]["SupplementaryGroups"]
    assert "mnt-nas.mount" in build.render(stack())["nas"]["nfs-mounts.nix"]
    assert "lib/nfs-mounts.sh" in build.render(stack())["nas"]


def test_a_share_that_no_service_uses_is_only_mounted() -> None:
    changes: Changes = {"hosts": {"nas": {"file_systems": {"/mnt/nas": {"share": SHARE}}}}}
    files = build.render(changes)["nas"]
    assert SHARE in files["disks.nix"]
    assert "nfs-mounts.nix" not in files


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"fs": "nfs"}, "add share"),
        ({"share": SHARE, "fs": "ext4"}, "has no fs"),
        ({"share": SHARE, "early": True}, "has no early"),
        ({"share": SHARE, "disk": "a"}, "has no disk"),
        ({"share": "/volume1/media"}, "192.168.1.5:/volume1/media"),
        ({"share": "nas:/a/../b"}, "192.168.1.5:/volume1/media"),
        ({"fs": "ext4", "from": SHARE}, "write share: in place of from"),
        ({"fs": "ext4", "from": "//nas/media"}, 'fsType = "cifs"'),
    ],
)
def test_what_is_no_share_is_refused_with_what_to_write(stated: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config({"hosts": {"nas": {"file_systems": {"/mnt/nas": stated}}}})
    assert says in " ".join(str(p) for p in refused.value.problems)
