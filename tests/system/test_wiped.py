"""What the stack config places on a root that forgets: it is named, unless something keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.ops.project.stack import check_sources
from homelab.render import modules_of
from homelab.system.kept import kept
from tests import build

BLANK = '{ fileSystems."/" = { device = "/dev/sda1"; fsType = "btrfs"; options = [ "subvol=@root" ]; };\n'
MEMORY = '{ fileSystems."/" = { device = "none"; fsType = "tmpfs"; };\n'
DISKS = """
  fileSystems."/nix" = { device = "/dev/sda2"; fsType = "ext4"; };
  fileSystems."/persist" = { device = "/dev/sda3"; fsType = "ext4"; };
"""
SRV = '  fileSystems."/srv" = { device = "/dev/sdb1"; fsType = "btrfs"; };\n'
DATASET: dict[str, Any] = {
    "datasets": {"notes": {"host": "nas", "path": "/srv/notes", "tier": "re-derivable"}}
}
SENT = {
    "path": "/srv/notes",
    "fs": "btrfs",
    "replicate": {"to": "nas", "path": "/srv/copies", "every": "daily", "max_age_hours": 72},
}
PLACES: dict[str, dict[str, Any]] = {
    "the dataset notes": DATASET,
    "the replica of photos": {
        "datasets": {"photos": {"host": "pi", "tier": "user", **SENT}},
        "backup": {"targets": {"b2": {"kind": "b2", "path": "a/b", "credentials": {"sops": "b2"}}}},
    },
    **{
        f"the repositories of the backup target {kind}": {
            "backup": {"targets": {kind: {"kind": kind, "host": "nas", "path": "/srv/restic"}}}
        }
        for kind in ("local", "sftp", "rest")
    },
    "which is backed up": {
        "backup": {
            "targets": {"b2": {"kind": "b2", "path": "a/b", "credentials": {"sops": "b2"}}},
            "extra": {"www": {"host": "nas", "paths": ["/srv/www"], "tier": "user"}},
        },
    },
}


def said(changes: dict[str, Any], hardware: str, **persistence: Any) -> list[str]:
    """What is named of a NAS that persists, with this hardware module."""
    made = build.plan(testing.changed({"hosts": {"nas": {"persistence": persistence}}}, changes))
    files = {**build.sources(made), str(made.hosts["nas"].config.hardware): hardware + "}\n"}
    found = check_sources(made, files)
    return [p.what for p in found if p.check == "persistence-complete"]


@pytest.mark.parametrize(("what", "changes"), PLACES.items(), ids=list(PLACES))
def test_data_on_a_blank_root_is_named_unless_it_is_kept(
    what: str, changes: dict[str, Any]
) -> None:
    (message,) = said(changes, BLANK + DISKS, blank="@root-blank")
    assert f"{what}, is on the root of nas" in message
    path = message.split(",")[0]
    assert not said(changes, BLANK + DISKS, blank="@root-blank", directories=[path])
    assert not said(changes, BLANK + DISKS + SRV, blank="@root-blank")


def test_repositories_on_a_root_in_memory_are_named() -> None:
    changes = PLACES["the repositories of the backup target sftp"]
    (message,) = said(changes, MEMORY + DISKS)
    assert "on the root of nas" in message


def test_a_dataset_with_a_stated_mount_is_left_to_the_check_of_mounts() -> None:
    changes = testing.changed(DATASET, {"datasets": {"notes": {"mount": "/srv"}}})
    assert not said(changes, BLANK + DISKS, blank="@root-blank")


def test_a_dataset_on_the_root_is_kept_if_the_stack_says_so() -> None:
    persists = {"hosts": {"nas": {"persistence": {"directories": ["/srv/notes"]}}}}
    made = build.plan(testing.changed(DATASET, persists))
    host = made.hosts["nas"]
    assert "/srv/notes" in {one.path for one in kept(made, host, modules_of(made, host))}
    # One on a disk of its own is not mounted a second time.
    mounted = testing.changed(persists, {"datasets": {"notes": {"mount": "/srv"}}})
    made = build.plan(testing.changed(DATASET, mounted))
    host = made.hosts["nas"]
    assert "/srv/notes" not in {one.path for one in kept(made, host, modules_of(made, host))}


@pytest.mark.parametrize(
    ("installed", "there"),
    [("21.11", "/var/lib/containers"), ("22.05", "/var/lib/nixos-containers")],
)
def test_the_files_of_nixos_containers_are_where_the_first_release_had_them(
    installed: str, there: str
) -> None:
    hardware = MEMORY + DISKS + "  containers.web.config = { };\n"
    changes = {"hosts": {"nas": {"state_version": installed}}}
    assert any(there in what for what in said(changes, hardware, root="/persist"))
