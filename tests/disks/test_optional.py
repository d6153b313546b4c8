"""Disks that may be absent: what waits for them, and what does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.household import Changes

pytestmark = pytest.mark.requirement("S1-37")
STICK = "/dev/disk/by-id/usb-Maker_0005-0:0"
GENERATOR = Path("/usr/lib/systemd/system-generators/systemd-fstab-generator")
IMAGE = f"ghcr.io/a/b:1@sha256:{'0' * 64}"


def stack(*, device: str | None = STICK, optional: bool = True) -> Any:
    disk: dict[str, object] = {"optional": optional}
    if device is not None:
        disk["device"] = device
    return {
        "hosts": {
            "nas": {
                "disks": {"stick": disk},
                "file_systems": {"/mnt/stick": {"disk": "stick", "fs": "ext4"}},
            }
        },
        "datasets": {
            "films": {
                "host": "nas",
                "path": "/mnt/stick/my films",
                "tier": "re-derivable",
                "dirs": {"new": {}},
            }
        },
        "services": {
            "jellyfin": {"host": "nas", "datasets": {"media": "films"}},
            "books": {
                "host": "nas",
                "port": 8090,
                "container": {
                    "image": IMAGE,
                    "port": 80,
                    "mounts": [{"source": "/mnt/stick/books", "target": "/books"}],
                },
                "backup": {"skip": "it keeps nothing"},
            },
        },
    }


def files(changes: Changes) -> dict[str, str]:
    return build.render(changes)["nas"]


def test_a_service_starts_with_its_optional_disk_and_stops_with_it() -> None:
    found = files(stack())
    target = found["optional-disks.nix"]
    unit = r"dev-disk-by\\x2did-usb\\x2dMaker_0005\\x2d0:0.device"
    assert f'bindsTo = [ "{unit}" ];' in target
    assert f'wantedBy = [ "{unit}" ];' in target
    for name in ("jellyfin", "podman-books", "disk-stick-directories"):
        assert f'"{name}.service"' in target
    for file in ("storage.nix", "services/books.nix"):
        text = found[file]
        assert 'partOf = [ "disk-stick.target" ];' in text
        assert f'ConditionPathExists = [ "{STICK}" ];' in text
        assert "WantsMountsFor" in text
        # A start would fail while the disk is absent, and with it a switch.
        assert "RequiresMountsFor" not in text


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="there is no systemd-tmpfiles")
def test_directories_are_created_on_the_disk_and_not_below_its_mount_point(tmp_path: Path) -> None:
    found = files(stack())
    assert "tmpfiles" not in found["storage.nix"]
    rules = found["lib/disk-stick.conf"]
    assert rules.splitlines() == [
        'd "/mnt/stick/my films" 2775 root users -',
        'd "/mnt/stick/my films/new" 2775 root users -',
    ]
    file = tmp_path / "rules.conf"
    # Only root may give files to others.
    mine = rules.replace(" root users ", f" {os.getuid()} {os.getgid()} ")
    file.write_text(mine, encoding="utf-8")
    subprocess.run(
        ["systemd-tmpfiles", "--create", f"--root={tmp_path}", file], check=True, timeout=20
    )
    made = tmp_path / "mnt/stick/my films/new"
    assert made.is_dir()
    assert made.stat().st_mode & 0o7777 == 0o2775


@pytest.mark.skipif(not GENERATOR.exists(), reason="there is no systemd-fstab-generator")
def test_systemd_makes_an_automount_that_ends_with_the_disk(tmp_path: Path) -> None:
    (system,) = build.plan(stack()).hosts["nas"].file_systems
    line = f"{system.what} {system.mount} {system.kind} {','.join(system.options)} 0 2\n"
    fstab = tmp_path / "fstab"
    fstab.write_text(line, encoding="utf-8")
    out = tmp_path / "units"
    out.mkdir()
    subprocess.run(
        [GENERATOR, out, out, out], env={"SYSTEMD_FSTAB": str(fstab)}, check=True, timeout=20
    )
    assert (out / "local-fs.target.wants/mnt-stick.automount").is_symlink()
    assert not (out / "local-fs.target.requires/mnt-stick.mount").exists()
    timeout = out / r"dev-disk-by\x2did-usb\x2dMaker_0005\x2d0:0\x2dpart1.device.d"
    text = "".join(p.read_text(encoding="utf-8") for p in timeout.iterdir())
    assert "JobRunningTimeoutSec=5s" in text
    assert "x-systemd.device-bound" in (out / "mnt-stick.mount").read_text(encoding="utf-8")


def test_without_a_device_an_optional_service_never_starts_and_another_is_refused() -> None:
    text = files(stack(device=None))["storage.nix"]
    assert 'ConditionPathIsMountPoint = [ "/mnt/stick" ];' in text
    assert "disk-stick.target" not in text
    assert not build.found(stack(device=None), "disk-absent")
    (problem,) = build.found(stack(device=None, optional=False), "disk-absent")
    assert problem.where == "hosts.nas.disks.stick.device"
    assert "jellyfin on nas uses the dataset films" in problem.what


def test_a_disk_that_is_always_there_is_required() -> None:
    found = files(stack(optional=False))
    assert "optional-disks.nix" not in found
    assert 'RequiresMountsFor = [ "\\"/mnt/stick/my films\\"" ];' in found["storage.nix"]
    assert 'systemd.tmpfiles.settings."10-datasets"' in found["storage.nix"]


def test_a_service_with_its_state_on_an_optional_disk_runs_while_it_is_there() -> None:
    """A service that required the mount would fail, and with it a switch, while it is absent."""
    unit = {"package": "hello", "command": ["hello"], "user": "notes"}
    notes = {
        "host": "nas",
        "port": 8091,
        "auth": "native",
        "unit": unit,
        "state": ["/mnt/stick/notes"],
    }
    found = files({**stack(), "services": {"notes": notes}})
    text = found["services/notes.nix"]
    assert 'partOf = [ "disk-stick.target" ];' in text
    assert f'ConditionPathExists = [ "{STICK}" ];' in text
    assert "RequiresMountsFor" not in text
    assert "tmpfiles" not in text
    assert '"notes.service"' in found["optional-disks.nix"]
    line = found["lib/disk-stick.conf"].splitlines()[0]
    assert line.startswith('d "/mnt/stick/notes" :0700 ')
    always = files({**stack(optional=False), "services": {"notes": notes}})["services/notes.nix"]
    assert 'RequiresMountsFor = [ "/mnt/stick/notes" ];' in always
    assert "10-state-notes" in always
