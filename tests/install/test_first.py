"""The tree of the first system, and the scripts that the target runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab.config.lock import Lock
from homelab.deploy.builder_scripts import import_script
from homelab.install import scripts
from homelab.install.first import LAYOUT as FILE
from homelab.install.first import first_tree
from homelab.problems import UsageError
from homelab.render import render, render_images
from tests import build
from tests.household import Changes
from tests.install.stacks import DEVICE, planned

pytestmark = pytest.mark.requirement("S0-41")
SOURCES = {
    "hosts/nas/hardware.nix": build.HARDWARE,
    "locks/nixos-25.11.lock": (build.SHIPPED / "locks/nixos-25.11.lock").read_text(),
}
LIVE: Changes = {"hosts": {"nas": {"state": "live", "hardware": "hosts/nas/hardware.nix"}}}


def files(changes: Changes | None = None) -> dict[str, Any]:
    plan = build.plan(build.changed(planned(LIVE), changes or {}))
    tree = first_tree(plan, plan.hosts["nas"], SOURCES, reinstall=True)
    return dict(tree.files)


def test_the_first_system_lets_the_owner_in_and_runs_no_service() -> None:
    services: Changes = {
        "services": {"navidrome": {"host": "nas", "backup": {"skip": "music is elsewhere"}}}
    }
    made = files(services)
    first = made["first.nix"]
    assert "openFirewall = true;" in first
    assert "PasswordAuthentication = false;" in first
    assert f'users.users.root.openssh.authorizedKeys.keys = [\n        "{build.OWNER} sam"' in first
    assert 'system.stateVersion = "25.11";' in first
    assert f'device = "{DEVICE}-part2";' in made["disks.nix"]
    assert not [path for path in made if path.startswith("services/")]
    assert "navidrome" not in str(made)


def test_the_flake_has_the_system_and_the_script_of_the_same_nixpkgs() -> None:
    made = files()
    assert "nixosConfigurations.nas = inputs.nixpkgs.lib.nixosSystem" in made["flake.nix"]
    assert "packages.x86_64-linux.disks = import ./erase.nix {" in made["flake.nix"]
    assert FILE in made["erase.nix"]
    assert DEVICE in made[FILE]


def test_own_modules_come_with_the_first_up() -> None:
    made = files({"hosts": {"nas": {"modules": ["hosts/nas/desktop.nix"]}}})
    assert "desktop" not in str(made)


def test_a_host_with_a_temporary_root_keeps_its_host_key() -> None:
    root = {"fs": "tmpfs", "size": "2 GB", "disk": None, "partition": None}
    nix = {"disk": "system", "partition": 2, "fs": "ext4"}
    persistent: Changes = {
        "hosts": {
            "nas": {
                "persistence": {"root": "/nix/persist", "mount": "/nix"},
                "file_systems": {"/": root, "/nix": nix},
            }
        }
    }
    assert "/etc/ssh/ssh_host_ed25519_key" in files(persistent)["impermanence.nix"]


def test_only_a_planned_host_has_a_tree_unless_it_is_reinstalled() -> None:
    plan = build.plan(planned(LIVE))
    with pytest.raises(UsageError, match="nas is live, so its disks may hold data"):
        first_tree(plan, plan.hosts["nas"], SOURCES)


def test_nothing_of_it_is_in_what_up_sends() -> None:
    plan = build.plan(planned(LIVE), Lock())
    for release in (*render(plan, SOURCES).values(), *render_images(plan, SOURCES).values()):
        paths = dict(release.files)
        assert FILE not in paths
        assert "erase.nix" not in paths


SCRIPTS = {
    "look": scripts.look_script(),
    "hardware": scripts.hardware_script(),
    "stage": scripts.stage_script({"flake.nix": "{ }\n", "own/a b.nix": "'\"$(id)\n"}),
    "build": scripts.build_script("nas"),
    "disks": scripts.disks_script("mark", passphrase="it's $secret", times=3),
    "import": import_script("/mnt"),
    "system": scripts.system_script("nas", "mark", "key\n", "ssh-ed25519 AAAA", place="/persist"),
    "restart": scripts.restart_script("mark"),
    "kexec": scripts.kexec_script("https://example.org/kexec.tar.gz"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing_in_a_whole_script(name: str, tmp_path: Path) -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck here")
    # A library has functions that one script does not use, and a tree has text of others.
    words = ["shellcheck", "--norc", "--exclude=SC2016,SC2034", "-f", "gcc", "-"]
    done = subprocess.run(
        words, input=SCRIPTS[name], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout == ""


def test_a_truncated_script_does_nothing(tmp_path: Path) -> None:
    """The last line calls the body."""
    for name in ("disks", "system", "restart"):
        whole = SCRIPTS[name]
        cut = whole[: whole.rstrip().rindex("\n")]
        done = subprocess.run(
            ["bash", "-s"],
            input=cut,
            text=True,
            capture_output=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "HOMELAB_ROOT": str(tmp_path)},
        )
        assert done.stdout + done.stderr == ""
        assert list(tmp_path.iterdir()) == []
