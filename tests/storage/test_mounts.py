"""The disks that hold datasets and backup targets."""

from __future__ import annotations

import pytest

from homelab.storage.mount_checks import check_mounts, check_targets
from tests import build
from tests.household import Changes

HARDWARE = "hosts/nas/hardware.nix"


def media(path: str, mount: str | None, host: str = "nas") -> Changes:
    dataset = {"host": host, "path": path, "mount": mount, "tier": "user"}
    return {"datasets": {"media": {k: v for k, v in dataset.items() if v}}}


@pytest.mark.parametrize("mount", ["/mnt/media", "/srv/media/films", "/srv/med"])
@pytest.mark.requirement("S0-40")
def test_a_dataset_is_below_its_mount_point(mount: str) -> None:
    """`dataset-below-mount`."""
    (problem,) = build.found(media("/srv/media", mount), "dataset-below-mount")
    assert problem.where == "datasets.media.mount"
    assert problem.what == f"/srv/media is not below {mount}"
    assert "datasets.media.path" in problem.way_out


@pytest.mark.parametrize("mount", [None, "/", "/srv", "/srv/media", "/srv/media/"])
@pytest.mark.requirement("S0-40")
def test_the_mount_point_is_the_directory_itself_or_one_above_it(mount: str | None) -> None:
    """`dataset-below-mount` and `dataset-mounted`."""
    for check in ("dataset-below-mount", "dataset-mounted"):
        assert build.found(media("/srv/media", mount), check) == []


@pytest.mark.parametrize(
    ("module", "mounted"),
    [
        ("", False),
        ('fileSystems."/mnt/media" = { };', True),
        ('fileSystems = {\n  "/mnt/media" = {\n };\n};', True),
        ('disko.devices.disk.a.content.mountpoint = "/mnt/media";', True),
        ('systemd.mounts = [ { where = "/mnt/media"; } ];', True),
        ('# fileSystems."/mnt/media" = { };', False),
        ('fileSystems."/mnt/media2" = { };', False),
    ],
)
@pytest.mark.requirement("S0-40")
def test_a_module_of_the_host_mounts_the_mount_point(module: str, mounted: bool) -> None:
    """`dataset-mounted`."""
    made = build.plan(media("/mnt/media/films", "/mnt/media"))
    sources = {**build.sources(made), HARDWARE: build.HARDWARE + module}
    problems = list(check_mounts(made, sources))
    assert [p.check for p in problems] == ["dataset-mounted"] * (not mounted)
    for problem in problems:
        assert problem.where == "datasets.media.mount"
        assert problem.what == "no module of nas mounts /mnt/media"
        assert f'fileSystems."/mnt/media" to {HARDWARE}' in problem.way_out
        assert "leave mount out" in problem.way_out


@pytest.mark.requirement("S0-40")
def test_the_message_names_the_nearest_mount_point() -> None:
    made = build.plan(media("/mnt/media/films", "/mnt/media"))
    near = build.HARDWARE + 'fileSystems."/mnt/medai" = { };'
    (problem,) = check_mounts(made, {**build.sources(made), HARDWARE: near})
    assert 'did you mean "/mnt/medai"?' in problem.way_out


@pytest.mark.requirement("S0-40")
def test_an_option_of_a_service_may_mount_the_mount_point() -> None:
    """Options in the stack count as well as modules."""
    options = {'fileSystems."/mnt/media".device': "nas:/media"}
    service: Changes = {"services": {"miniflux": {"host": "nas", "options": options}}}
    made = build.plan({**media("/mnt/media/films", "/mnt/media"), **service})
    sources = {**build.sources(made), HARDWARE: build.HARDWARE}
    assert list(check_mounts(made, sources)) == []


@pytest.mark.requirement("S0-40")
def test_a_host_without_a_hardware_module_is_not_checked() -> None:
    """The disks of a planned host may be unknown."""
    later: Changes = {"hosts": {"nas": {"state": "planned", "hardware": None}}}
    made = build.plan({**media("/mnt/media/films", "/mnt/media"), **later})
    assert list(check_mounts(made, build.sources(made))) == []


def test_a_backup_target_on_a_disk_that_nothing_mounts_is_a_warning() -> None:
    """Its backups would be on the root disk, beside the original data."""
    target = {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"}
    changes = {"backup": {"targets": {"usb": target}}}
    made = build.plan(changes)
    sources = build.sources(made)
    (problem,) = check_targets(made, sources)
    assert (problem.where, problem.severity) == ("backup.targets.usb.path", "warning")
    mounted = {**sources, "hosts/nas/hardware.nix": '{ fileSystems."/mnt/usb".label = "usb"; }'}
    assert list(check_targets(made, mounted)) == []
    elsewhere = build.plan({"backup": {"targets": {"usb": {**target, "path": "/var/backup"}}}})
    assert list(check_targets(elsewhere, sources)) == []
