"""Backups are complete: no exclude, option, disk or list empties one silently."""

from __future__ import annotations

import re
from typing import Any

import pytest

from homelab.backup.disk_checks import check_backup_disks
from homelab.backup.globs import leaves_out
from homelab.checks import run_checks
from homelab.nix.source import read_nix
from homelab.openings.checks import check_openings
from homelab.ops.project.stack import read_sources
from homelab.problems import InvalidStackError, Problem
from homelab.show import as_data
from homelab.system.devices import disk_at, disks_of
from tests import build
from tests.cases.test_state import HOME, planned

HERE = "/var/lib/vaultwarden"


def said(changes: dict[str, Any], check: str) -> list[Problem]:
    return [p for p in run_checks(planned(changes)) if p.check == check]


def on_disks(changes: dict[str, Any], **files: str) -> list[Problem]:
    """What is said of the disks, with other texts of files."""
    plan = planned(changes)
    sources = {**read_sources(build.SHIPPED, plan)[0], **files}
    return list(check_backup_disks(plan, sources))


def vaultwarden(**config: Any) -> dict[str, Any]:
    return {"services": {"vaultwarden": config}}


@pytest.mark.parametrize(
    ("pattern", "empties"),
    [
        (HERE, True),
        (f"{HERE}/", True),
        (f"{HERE}/*", True),
        (f"{HERE}/**", True),
        (f"{HERE}/?*", True),
        ("/*", True),
        ("/var/*", True),
        ("/var/lib/vault*", True),
        ("/var/**", True),
        ("/**/vaultwarden", True),
        ("/var/lib/[a-z]*", True),
        (f"{HERE}/*.log", False),
        (f"{HERE}/*/*", False),
        (f"{HERE}/attachments", False),
        ("/var/lib/*/icon_cache", False),
        ("/var/lib/vault", False),
        ("/var/lib/[^v]*", False),
        ("/srv/*", False),
    ],
)
def test_an_exclude_is_read_as_restic_reads_it(pattern: str, empties: bool) -> None:
    assert leaves_out(pattern, HERE) is empties


@pytest.mark.parametrize("pattern", ["/var/*", f"{HERE}/*", "/**/vaultwarden"])
def test_an_exclude_does_not_empty_a_backup(pattern: str) -> None:
    (problem,) = said(vaultwarden(backup={"exclude": [pattern]}), "backup-exclude")
    assert problem.where == "services.vaultwarden.backup.exclude[0]"
    assert HERE in problem.what


def test_an_exclude_does_not_leave_out_a_dump() -> None:
    (problem,) = said(vaultwarden(backup={"exclude": ["/var/backup/*"]}), "backup-exclude")
    assert "/var/backup/sqlite/vaultwarden/db.sqlite3" in problem.what


@pytest.mark.parametrize("kind", ["sftp", "local"])
def test_irreplaceable_data_needs_a_backup_on_another_disk(kind: str) -> None:
    here = {"kind": kind, "host": "aurora", "path": "/mnt/family/restic"}
    found = on_disks({"backup": {"targets": {"b2": None, "onetouch": here}}})
    assert {p.where: p.severity for p in found} == {
        "datasets.photos": "error",
        "datasets.library": "warning",
        "services.immich.backup": "warning",
    }
    # A second target elsewhere is enough, and so is another disk of the host.
    assert on_disks({"backup": {"targets": {"onetouch": here}}}) == []
    assert on_disks({"backup": {"targets": {"b2": None}}}) == []


def test_state_on_the_root_disk_is_not_backed_up_to_the_root_disk_alone() -> None:
    here = {"kind": "sftp", "host": "aurora", "path": "/srv/restic"}
    changes = {"backup": {"targets": {"b2": None, "onetouch": here}}}
    found = {p.where: p.severity for p in on_disks(changes)}
    assert found["services.vaultwarden.backup"] == "warning"
    assert "datasets.photos" not in found


_ROOT = 'fileSystems."/".device = "/dev/disk/by-id/ata-one-part2";'
MOUNTS = [
    ('fileSystems."/data" = { device = "/dev/sdb1"; };', "/data/restic", False),
    ('fileSystems."/data" = { device = "/dev/disk/by-id/ata-one-part3"; };', "/data/restic", True),
    ('fileSystems."/mnt/b" = { device = "/dev/disk/by-id/ata-one-part2"; };', "/mnt/b/r", True),
    ('fileSystems."/mnt/b" = { device = "/srv/b"; options = [ "bind" ]; };', "/mnt/b/r", True),
    ('fileSystems."/mnt/b" = { label = "b"; };', "/mnt/b/restic", False),
    ('fileSystems."/mnt" = { device = "/dev/sdb1"; };', "/mnt/b/restic", False),
]


@pytest.mark.parametrize(("line", "path", "same"), MOUNTS, ids=[m[1] for m in MOUNTS])
def test_the_disk_of_a_backup_is_the_one_that_the_hosts_modules_mount(
    line: str, path: str, same: bool
) -> None:
    """The state of vaultwarden is on the root file system."""
    here = {"kind": "local", "host": "aurora", "path": path}
    text = f"{{ {_ROOT} {line} }}"
    changes = {"backup": {"targets": {"b2": None, "onetouch": here}}}
    found = on_disks(changes, **{"hosts/aurora/hardware.nix": text})
    assert ("services.vaultwarden.backup" in {p.where for p in found}) is same


def test_two_mount_points_of_a_pool_or_of_a_disk_of_disko_are_one_disk() -> None:
    zfs = read_nix(
        '{ fileSystems."/a" = { device = "tank/a"; fsType = "zfs"; };'
        ' fileSystems."/b" = { device = "tank/b"; fsType = "zfs"; };'
        ' disko.devices.disk.main.content.partitions.c.content.mountpoint = "/c";'
        ' disko.devices.disk.main.content.partitions.d.content.mountpoint = "/d";'
        ' disko.devices.disk.other.content.mountpoint = "/e"; }'
    )
    disks = disks_of(zfs.settings)
    assert disks["/a"] == disks["/b"]
    assert disks["/c"] == disks["/d"]
    assert len({*disks.values()}) == 3
    assert disk_at(disks, "/a/photos") == disks["/a"]


def test_state_that_include_omits_is_reported() -> None:
    (problem,) = said(vaultwarden(backup={"include": ["/srv/extra"]}), "backup-include")
    assert problem.severity == "warning"
    assert f"include: [{HERE}, /srv/extra]" in problem.way_out
    for include in ([HERE, "/srv/extra"], [f"{HERE}/attachments"]):
        assert said(vaultwarden(backup={"include": include}), "backup-include") == []


OPTIONS: tuple[dict[str, Any], ...] = (
    {"systemd.timers.restic-backups-vaultwarden-b2.enable": False},
    {"systemd.timers.restic-backups-vaultwarden-b2.timerConfig.OnCalendar": ""},
    {"systemd.timers": {"restic-backups-vaultwarden-b2": {"wantedBy": []}}},
    {"systemd.services.restic-backups-vaultwarden-b2.enable": False},
    {"services.restic.backups.vaultwarden-b2.timerConfig": None},
    {"services.restic.backups.vaultwarden-b2.repository": "/srv/elsewhere"},
    {"services.restic.backups": {"vaultwarden-b2": {"paths": ["/srv/else"]}}},
    {"services.restic.backups.vaultwarden-b2.backupPrepareCommand": "true"},
    {"services.restic.backups.vaultwarden-b2.passwordFile": "/srv/password"},
    {"homelab.backup.jobs.vaultwarden": None},
    {"homelab.backup.jobs.vaultwarden.paths": ["/srv/else"]},
    {"homelab.backup.jobs.vaultwarden.keep.daily": 1},
    {"homelab.backup.jobs.vaultwarden.tier": "mine"},
    {"homelab.backup.tiers.irreplaceable.yearly": 0},
    {"homelab.backup.targets.b2.repository": "/srv/elsewhere"},
    {"homelab.backup.targets.b2.passwordFile": "/srv/password"},
    {"homelab.backup.onFailure": []},
    {"homelab.backup.dumpAt": "05:00"},
    {"homelab.backup.stores.onetouch.path": "/srv/elsewhere"},
    {"services.postgresqlBackup.enable": False},
    {"services.postgresqlBackup.databases": ["other"]},
)
OWN: tuple[dict[str, Any], ...] = (
    {"services.restic.backups.mine.repository": "/srv/elsewhere"},
    {"services.restic.backups.vaultwarden-b2.extraBackupArgs": ["--verbose"]},
    {"services.restic.backups.vaultwarden-b2.timerConfig.RandomizedDelaySec": "5m"},
    {"services.restic.backups.vaultwarden-b2.timerConfig.OnCalendar": "05:30"},
    {"services.restic.backups.dataset-photos-b2.backupPrepareCommand": "stop the app"},
    {"homelab.backup.jobs.mine": {"paths": ["/srv/mine"]}},
    {"homelab.backup.jobs.vaultwarden.keep.daily": 30},
    {"homelab.backup.jobs.vaultwarden.at": "05:30"},
    {"homelab.backup.jobs.vaultwarden.mounts": ["/srv"]},
    {"homelab.backup.targets.mine.repository": "/srv/elsewhere"},
    {"homelab.backup.tiers.mine.daily": 1},
    {"homelab.backup.tiers.service.daily": 30},
    {"homelab.backup.onFailure": ["mail.service"]},
    {"systemd.timers.mine.enable": False},
)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: next(iter(o)))
def test_an_option_does_not_end_or_change_a_backup_of_the_plan(option: dict[str, Any]) -> None:
    (problem,) = said(vaultwarden(options=option), "option-opens")
    assert problem.severity == "error"
    assert "backup.tiers change it" in problem.way_out
    of_one = re.search(r"vaultwarden|postgresqlBackup", str(option))
    assert ("skip" in problem.way_out) == bool(of_one)


@pytest.mark.parametrize("option", OWN, ids=lambda o: next(iter(o)))
def test_own_backup_jobs_are_unaffected(option: dict[str, Any]) -> None:
    assert said(vaultwarden(options=option), "option-opens") == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("services.restic.backups = lib.mkForce { };", True),
        ("homelab.backup.jobs = lib.mkForce { };", True),
        ("homelab.backup.jobs.vaultwarden.keep.daily = 30;", False),
        ('services.restic.backups = lib.mkForce { mine.repository = "/srv/else"; };', True),
        ("services.restic = { backups = with lib; mkOverride 50 (import ./mine.nix); };", True),
        ("services.restic.backups.vaultwarden-b2 = lib.mkForce { initialize = true; };", True),
        ("services.restic.backups.mine = lib.mkForce { initialize = true; };", False),
        ("systemd.timers.restic-backups-vaultwarden-b2.enable = lib.mkForce false;", True),
        ('services.restic.backups.mine.repository = "/srv/else";', False),
    ],
)
def test_an_own_module_cannot_disable_a_backup(line: str, told: bool) -> None:
    plan = planned({})
    path = plan.hosts["aurora"].config.hardware or ""
    text = f"{{ lib, ... }}: {{\n  {line}\n}}\n"
    found = [p for p in check_openings(plan, {path: text}) if "backup" in p.what]
    assert [p.severity for p in found] == (["error"] if told else [])


@pytest.mark.parametrize("backup", [{"targets": []}, {"tier": "re-derivable"}])
def test_a_service_without_state_has_a_reason(backup: dict[str, Any]) -> None:
    with pytest.raises(InvalidStackError, match="write skip: "):
        planned(vaultwarden(backup=backup))


def test_every_dataset_is_backed_up_or_listed_with_the_reason() -> None:
    for tier in ("service", "user", "irreplaceable", "re-derivable"):
        data: Any = as_data(planned({"datasets": {"library": {"tier": tier}}}))
        kept = "dataset-library" in {job["job"] for job in data["backups"]}
        left = {one["service"]: one["why"] for one in data["not_backed_up"]}
        assert kept is ("dataset-library" not in left), tier
        assert kept is (tier != "re-derivable")


def test_a_secret_of_a_service_does_not_take_the_name_of_a_repositorys_password() -> None:
    draw: Any = HOME.values["services"]["draw"]  # type: ignore[index,call-overload]
    mine = {**draw, "port": 8309, "secrets": {"onetouch": {"env": "X"}}}
    (problem,) = said({"services": {"restic": mine}}, "secret-unique")
    assert "restic-onetouch on aurora" in problem.what
