"""What must survive is not emptied, hidden or moved by a mount or a rule of tmpfiles."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from homelab.problems import Problem
from tests import build

PLAIN: dict[str, Any] = {
    "hosts": {"nas": {"modules": ["own.nix"]}},
    "services": {"navidrome": {"host": "nas"}},
    "datasets": {"photos": {"host": "nas", "path": "/mnt/photos", "tier": "user"}},
}
KEEPS = testing.changed(PLAIN, {"hosts": {"nas": {"persistence": {"mounted": ["/srv"]}}}})
OURS = 'fileSystems."/var/lib/homelab"'
DISK = '{ device = "/dev/disk/by-id/x"; fsType = "ext4"; }'


def told(line: str, changes: dict[str, Any] = KEEPS) -> list[Problem]:
    found = check_openings(build.plan(changes), {"own.nix": f"{{ lib, ... }}: {{ {line} }}"})
    return [p for p in found if p.check == "state-moved"]


@pytest.mark.parametrize(
    "mount", ["/var/lib/homelab", "/persist", "/var/lib/nixos", "/srv", "/var/lib/navidrome"]
)
def test_nothing_in_memory_is_mounted_over_what_must_survive(mount: str) -> None:
    value = '{ device = "none"; fsType = "tmpfs"; }'
    for line in (
        f'fileSystems."{mount}" = lib.mkForce {value};',
        f'fileSystems."{mount}" = {value};',
        f'fileSystems = lib.mkForce {{ "{mount}" = {value}; }};',
        f'boot.specialFileSystems."{mount}".fsType = "tmpfs";',
        f'disko.devices.nodev."{mount}" = {{ fsType = "tmpfs"; }};',
        f'fileSystems."{mount}".device = "/dev/zram1";',
        f'fileSystems."{mount}".device = "/run/x";',
        f'systemd.mounts = [ {{ what = "tmpfs"; where = "{mount}"; type = "tmpfs"; }} ];',
        f'systemd.mounts = [ {{ what = "/tmp/x"; where = "{mount}"; options = "bind"; }} ];',
    ):
        (problem,) = told(line)
        assert problem.severity == "error"
        assert f"{mount}, " in problem.what
    assert told(f'systemd.mounts = [ {{ what = "/dev/sda1"; where = "{mount}"; }} ];') == []
    if mount != "/var/lib/homelab":
        assert told(f'fileSystems."{mount}" = {DISK};') == []


@pytest.mark.parametrize(
    "line",
    [
        f"{OURS} = {DISK};",
        f'{OURS}.device = lib.mkForce "/dev/disk/by-id/x";',
        f"{OURS}.device = device;",
        f"{OURS}.options = lib.mkForce [ ];",
        f"{OURS}.neededForBoot = false;",
        f"{OURS}.enable = false;",
        'fileSystems."/persist".neededForBoot = lib.mkForce false;',
        'fileSystems."/srv".enable = false;',
        'fileSystems."/srv".options = [ "noauto,rw" ];',
    ],
)
def test_the_mounts_of_what_survives_stay(line: str) -> None:
    assert told(line)
    assert {p.severity for p in told(line)} == {"error"}
    assert told(line, PLAIN) == []


@pytest.mark.parametrize(
    "line",
    [
        f'{OURS}.device = "/persist/var/lib/homelab";',
        f'{OURS}.options = [ "bind" "x-gvfs-hide" ];',
        'fileSystems."/srv".options = [ "noauto" "x-systemd.automount" ];',
        'fileSystems."/mnt/usb".options = [ "noauto" ];',
        'fileSystems."/mnt/usb".enable = false;',
        'fileSystems."/scratch" = { device = "none"; fsType = "tmpfs"; };',
    ],
)
def test_other_mounts_are_the_owners(line: str) -> None:
    assert told(line) == []


@pytest.mark.parametrize("changes", [PLAIN, KEEPS], ids=["plain", "wiped"])
@pytest.mark.parametrize(
    ("rule", "lost"),
    [
        ("D! /var/lib/homelab 0755 root root -", "/var/lib/homelab"),
        ("R /var/lib/nixos", "/var/lib/nixos"),
        ("R '/var/lib/*'", "/var/lib/navidrome"),
        ("r! /etc/ssh/ssh_host_ed25519_key - - - -", "/etc/ssh/ssh_host_ed25519_key"),
        ("L+ /var/lib/navidrome - - - - /tmp/x", "/var/lib/navidrome"),
        ("d /var/lib/navidrome 0750 - - 10d", "/var/lib/navidrome"),
        ("e /mnt/photos/* - - - 30d", "/mnt/photos"),
        ("D /home 0755 root root", "/home"),
    ],
)
def test_tmpfiles_remove_nothing_that_must_survive(
    changes: dict[str, Any], rule: str, lost: str
) -> None:
    (problem,) = told(f'systemd.tmpfiles.rules = [ "d /x" "{rule}" ];', changes)
    assert problem.severity == "error"
    assert f" {lost}, " in problem.what
    kind, path, *more = rule.replace("'", "").split()
    part = f'age = "{more[3]}"; mode = "0755";' if len(more) > 3 and more[3] != "-" else ""
    at = f'systemd.tmpfiles.settings.x."{path}"."{kind}"'
    for text in (f"{at} = {{ {part} }};", f'{at} = {{ user = "root"; {part} }};'):
        (problem,) = told(text, changes)
        assert f" {lost}, " in problem.what


@pytest.mark.parametrize(
    "rule",
    [
        "d /var/lib/navidrome 0750 navidrome navidrome - -",
        "Z /var/lib/navidrome 0750 navidrome navidrome",
        "e /var/lib/navidrome/cache - - - 30d",
        "e /home/*/Downloads - - - 30d",
        "D /var/cache/x 0755 root root",
        "R /var/lib/other",
        "# R /var/lib/nixos",
    ],
)
def test_other_rules_of_tmpfiles_are_the_owners(rule: str) -> None:
    assert told(f'systemd.tmpfiles.rules = [ "{rule}" ];') == []


def test_old_files_may_go_of_what_can_be_had_again() -> None:
    again = testing.changed(PLAIN, {"datasets": {"photos": {"tier": "re-derivable"}}})
    assert told('systemd.tmpfiles.rules = [ "e /mnt/photos - - - 30d" ];', again) == []
    assert told('systemd.tmpfiles.rules = [ "D /mnt/photos - - - -" ];', again)


def with_service(name: str) -> dict[str, Any]:
    return testing.changed(PLAIN, {"services": {name: {"host": "nas"}}})


HAS_DIRECTORY = [
    ("navidrome", "navidrome"),
    ("vaultwarden", "vaultwarden"),
    # Dynamic users, whose directories are below /var/lib/private.
    ("actual", "actual"),
    ("mealie", "mealie"),
]
"""Services and units to which nixpkgs gives a `StateDirectory`, which systemd mounts again."""


@pytest.mark.parametrize(("service", "unit"), HAS_DIRECTORY)
def test_a_unit_keeps_the_state_directory_of_its_module(service: str, unit: str) -> None:
    at = f"systemd.services.{unit}.serviceConfig"
    hidden = f'{at}.TemporaryFileSystem = "/var/lib:rw /x";'
    assert told(hidden, with_service(service)) == []
    other = f'{at}.StateDirectory = lib.mkForce "other";'
    found = told(f"{hidden} {other}", with_service(service))
    assert any(service in p.what and "TemporaryFileSystem" in p.what for p in found)


@pytest.mark.parametrize(
    ("service", "unit"),
    [("jellyfin", "jellyfin"), ("sonarr", "sonarr"), ("forgejo", "forgejo")],
)
def test_a_unit_without_a_state_directory_sees_its_state(service: str, unit: str) -> None:
    at = f"systemd.services.{unit}.serviceConfig"
    path = f"/var/lib/{service}"
    (problem,) = told(f'{at}.TemporaryFileSystem = "/var/lib:rw /x";', with_service(service))
    assert f"{path}, state of {service}" in problem.what
    assert f'BindPaths = [ "{path}" ]' in problem.way_out
    for bound in (path, f"-{path}", f"/srv/x:{path}:rbind"):
        line = f'{at}.TemporaryFileSystem = [ "/var/lib" ]; {at}.BindPaths = [ "{bound}" ];'
        assert told(line, with_service(service)) == [], bound
    elsewhere = f'{at}.TemporaryFileSystem = "/var/lib"; {at}.BindPaths = [ "{path}:/data" ];'
    assert told(elsewhere, with_service(service))
    named = f'{at}.TemporaryFileSystem = "/var/lib:ro"; {at}.StateDirectory = "{service}";'
    assert told(named, with_service(service)) == []
    other = f'{at}.TemporaryFileSystem = "/var/lib/other";'
    assert told(other, with_service(service)) == []


def test_a_unit_that_keeps_no_state_may_have_anything_in_memory() -> None:
    line = 'systemd.services.{}.serviceConfig.TemporaryFileSystem = "/var/lib";'
    assert told(line.format("x"), PLAIN) == []
    assert told(line.format("immich-machine-learning"), with_service("immich")) == []
    assert told(line.format("immich-server"), with_service("immich")) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("systemd.tmpfiles.rules", ["R /var/lib/nixos"]),
        ("systemd.mounts", [{"what": "tmpfs", "where": "/var/lib/homelab", "type": "tmpfs"}]),
        ('fileSystems."/var/lib/homelab".device', "/dev/disk/by-id/x"),
    ],
)
def test_an_option_of_a_service_takes_nothing_away(option: str, value: object) -> None:
    navidrome = {"services": {"navidrome": {"options": {option: value}}}}
    found = run_checks(build.plan(testing.changed(KEEPS, navidrome)))
    assert [p.check for p in found if p.check == "state-moved"] == ["state-moved"]
