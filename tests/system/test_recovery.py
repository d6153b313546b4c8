"""The recovery window: a password login for the owner, from home, for a limited time."""

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


@pytest.mark.requirement("S4-10")
def test_the_window_opens_after_a_boot_and_not_after_a_deployment() -> None:
    """Two units. A changed release restarts neither."""
    text = files()["recovery.nix"]
    assert text.count("restartIfChanged = false;") == 2
    assert "open 120" in text
    assert "RuntimeMaxSec = 150;" in text
    assert "recovery.nix" not in build.render(household({}))["pi"]


@pytest.mark.requirement("S4-10")
def test_the_window_sets_the_stored_hash_for_a_limited_time() -> None:
    """`hashedPasswordFile` applies to new accounts only, and the owner's account exists."""
    rendered = files()
    text = rendered["recovery.nix"]
    assert "hashedPasswordFile" not in text
    assert "open 120 sam /run/secrets/recovery-password" in text
    assert "close sam" in text
    assert "path = [ pkgs.shadow ];" in text
    assert 'key = "users/sam";' in rendered["secrets.nix"]


@pytest.mark.parametrize("seconds", [30, 900])
@pytest.mark.requirement("S4-10")
def test_the_length_of_the_window_is_limited(seconds: int) -> None:
    changes: Changes = {"hosts": {"pi": {"ssh": {"recovery": {"seconds": seconds}}}}}
    with pytest.raises(Exception, match="seconds"):
        build.stack_config(household(RECOVERY, changes))


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
@pytest.mark.requirement("S4-10")
def test_sshd_accepts_only_the_owners_password_from_home_while_it_is_open(
    tmp_path: Path, address: str, user: str, is_open: bool, allowed: str
) -> None:
    """Tested with a real sshd, with our settings after those of NixOS."""
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


HASH = "$y$j9T$salt$hash"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root with two accounts without a password, a secret, and systemctl as a log."""
    for name in ("run/homelab-recovery", "var/lib/homelab-recovery", "proc", "bin", "etc"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/sh\nsam:x:1000:100::/home/sam:/bin/sh\n"
    )
    (tmp_path / "etc/group").write_text("root:x:0:\nusers:x:100:\n")
    (tmp_path / "etc/shadow").write_text("root:!:1::::::\nsam:!:1::::::\n")
    (tmp_path / "secret").write_text(f"{HASH}\n")
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/log\n')
    systemctl.chmod(0o755)
    return tmp_path


def window(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script as its unit does, with another root."""
    script = build.ROOT / "homelab/system/recovery.sh"
    return subprocess.run(
        ["bash", "-euc", f'. {script} "$@"', "bash", *words],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "HOMELAB_ROOT": str(top),
            "PATH": f"{top}/bin:{os.environ['PATH']}:/usr/sbin",
        },
    )


def password(top: Path, user: str = "sam") -> str:
    lines = (top / "etc/shadow").read_text().splitlines()
    return next(line.split(":")[1] for line in lines if line.startswith(f"{user}:"))


def _chpasswd(top: Path) -> None:
    """The real chpasswd if this process is root, otherwise a stand-in."""
    if os.geteuid() == 0 and (
        shutil.which("chpasswd") or shutil.which("chpasswd", path="/usr/sbin")
    ):
        return
    fake = top / "bin/chpasswd"
    fake.write_text(
        "#!/bin/sh\n"
        "IFS=: read -r user hash\n"
        f'sed -i "s|^$user:[^:]*|$user:$hash|" {top}/etc/shadow\n'
    )
    fake.chmod(0o755)


@pytest.mark.parametrize("before", ["!", "$y$j9T$own$password", "*"])
@pytest.mark.requirement("S4-10")
def test_the_account_has_the_password_while_it_is_open_and_its_own_afterwards(
    top: Path, before: str
) -> None:
    """An existing account, with any previous password."""
    _chpasswd(top)
    shadow = top / "etc/shadow"
    shadow.write_text(shadow.read_text().replace("sam:!", f"sam:{before}"))
    into = top / "run/homelab-recovery/sshd.conf"
    done = window(top, "open", "0", "sam", f"{top}/secret")
    assert done.returncode == 0, done.stderr
    assert password(top) == HASH
    assert password(top, "root") == "!"
    assert into.read_text() == "PasswordAuthentication yes\n"
    done = window(top, "close", "sam")
    assert done.returncode == 0, done.stderr
    assert not into.exists()
    assert password(top) == before
    assert (top / "log").read_text().splitlines() == ["reload sshd.service"] * 2
    assert window(top, "close", "sam").returncode == 0
    assert password(top) == before


@pytest.mark.requirement("S4-10")
def test_a_power_loss_while_it_is_open_leaves_no_password(top: Path) -> None:
    """/run is empty then, and the next window still restores the previous password."""
    _chpasswd(top)
    window(top, "open", "0", "sam", f"{top}/secret")
    (top / "run/homelab-recovery/sshd.conf").unlink()
    assert (top / "var/lib/homelab-recovery/before").stat().st_mode & 0o077 == 0
    window(top, "open", "0", "sam", f"{top}/secret")
    window(top, "close", "sam")
    assert password(top) == "!"


@pytest.mark.parametrize("secret", ["", "hunter2\n", None])
@pytest.mark.requirement("S4-10")
def test_a_secret_that_is_not_a_hash_opens_nothing(top: Path, secret: str | None) -> None:
    """In the shadow file it would lock the account or be a plain password."""
    if secret is None:
        (top / "secret").unlink()
    else:
        (top / "secret").write_text(secret)
    done = window(top, "open", "0", "sam", f"{top}/secret")
    assert done.returncode == 1
    assert "no hash of a password" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert password(top) == "!"
    assert not (top / "run/homelab-recovery/sshd.conf").exists()


@pytest.mark.requirement("S4-10")
def test_it_opens_at_boot_and_not_after_a_switch(top: Path) -> None:
    """A new release starts its units, but opens no window."""
    (top / "proc/uptime").write_text("9000.5 1.0\n")
    window(top, "at-boot")
    assert not (top / "log").exists()
    (top / "proc/uptime").write_text("20.5 1.0\n")
    window(top, "at-boot")
    assert (top / "log").read_text().splitlines() == ["start --no-block ssh-recovery.service"]
