"""A way in for whoever lost the key: from home, for the owner, for a while, by itself closed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.system.recovery import INCLUDED
from tests import build
from tests.household import Changes, household
from tests.tools.options import check_module, require_options

RECOVERY: Changes = {
    "hosts": {"pi": {"ssh": {"recovery": {"password": {"sops": "users/sam"}, "seconds": 120}}}}
}


def files(*more: Changes) -> dict[str, str]:
    return build.render(household(RECOVERY, *more))["pi"]


def test_the_window_opens_after_a_boot_and_a_deployment_opens_none() -> None:
    """S4-10: two units, and neither is restarted because a release changed it."""
    text = files()["recovery.nix"]
    assert text.count("restartIfChanged = false;") == 2
    assert "open 120" in text
    assert "RuntimeMaxSec = 150;" in text
    assert "recovery.nix" not in build.render(household({}))["pi"]


def test_the_password_is_a_stored_hash_that_accounts_are_made_with() -> None:
    """S4-10: without one the window would open a door that nobody has a key to."""
    rendered = files()
    assert (
        'users.users.sam.hashedPasswordFile = "/run/secrets-for-users/recovery-password";'
        in rendered["recovery.nix"]
    )
    secret = rendered["secrets.nix"]
    assert "neededForUsers = true;" in secret
    assert 'key = "users/sam";' in secret


@pytest.mark.parametrize("seconds", [30, 900])
def test_a_window_is_neither_a_blink_nor_a_door(seconds: int) -> None:
    """S4-10."""
    changes: Changes = {"hosts": {"pi": {"ssh": {"recovery": {"seconds": seconds}}}}}
    with pytest.raises(Exception, match="seconds"):
        build.site(household(RECOVERY, changes))


def test_every_option_of_it_exists() -> None:
    options = require_options()
    from homelab.system import recovery

    made = build.plan(household(RECOVERY))
    assert [
        p for m in recovery.modules(made, made.hosts["pi"]) for p in check_module(m, options)
    ] == []


def _sshd() -> str:
    found = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("sshd is not there, and CI installs it")
        pytest.skip("sshd is not there")
    return found


@pytest.mark.parametrize(
    ("address", "user", "is_open", "allowed"),
    [
        ("192.168.1.50", "sam", True, "yes"),
        ("192.168.1.50", "root", True, "no"),
        ("203.0.113.9", "sam", True, "no"),
        ("100.64.0.77", "sam", True, "no"),
        ("192.168.1.50", "sam", False, "no"),
    ],
)
def test_sshd_lets_in_the_owner_from_home_while_it_is_open_and_nobody_else(
    tmp_path: Path, address: str, user: str, is_open: bool, allowed: str
) -> None:
    """S4-10: asked of a real sshd, with what we render below what NixOS writes first."""
    sshd = _sshd()
    included = tmp_path / "sshd.conf"
    text = files()["recovery.nix"]
    match = text[text.index("Match Address") : text.index("Match all")] + "Match all\n"
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    config = tmp_path / "config"
    config.write_text(
        f"HostKey {key}\nPasswordAuthentication no\n"
        + match.replace(INCLUDED, str(included)).replace("        ", "")
    )
    if is_open:
        included.write_text("PasswordAuthentication yes\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            sshd,
            "-T",
            "-f",
            str(config),
            "-C",
            f"addr={address},user={user},host=x,laddr=192.168.1.2",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"passwordauthentication {allowed}\n" in done.stdout


def test_it_closes_however_it_ends(tmp_path: Path) -> None:
    """S4-10: the file goes, and sshd hears of it; at boot it opens, after a switch it does not."""
    (tmp_path / "run/homelab-recovery").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "bin").mkdir()
    log = tmp_path / "log"
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    systemctl.chmod(0o755)
    script = build.ROOT / "homelab/system/recovery.sh"
    into = tmp_path / "run/homelab-recovery/sshd.conf"

    def run(*words: str) -> None:
        subprocess.run(
            ["bash", "-euc", f'. {script} "$@"', "bash", *words],
            check=True,
            env={
                **os.environ,
                "HOMELAB_ROOT": str(tmp_path),
                "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            },
        )

    run("open", "0")
    assert into.read_text() == "PasswordAuthentication yes\n"
    run("close")
    assert not into.exists()
    (tmp_path / "proc/uptime").write_text("9000.5 1.0\n")
    run("at-boot")
    assert log.read_text().splitlines() == ["reload sshd.service"] * 2
    (tmp_path / "proc/uptime").write_text("20.5 1.0\n")
    run("at-boot")
    assert log.read_text().splitlines()[-1] == "start --no-block ssh-recovery.service"
