"""`homelab install` against a machine on loopback: steps, interruptions, refusals."""

from __future__ import annotations

import stat
from typing import Any

import asyncssh
import pytest

from homelab.problems import HomelabError, UsageError
from tests.install import stacks
from tests.install.machine import INSTALLED

pytestmark = pytest.mark.requirement("S0-41")


def test_a_machine_is_installed_and_answers_with_the_pinned_key(make: Any) -> None:
    home = make()
    home.install()
    machine = home.machine
    key = machine.disk / "etc/ssh/ssh_host_ed25519_key"
    assert key.read_text() == home.key_file.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.with_suffix(".pub").read_text() == f"{home.public}\n"
    order = [c.split()[0] for c in machine.calls() if not c.startswith(("uname", "id", "lsblk"))]
    wanted = ["nixos-generate-config", "nix", "nix", "standin-disko", "nixos-install", "umount"]
    assert [c for c in order if c in wanted] == wanted
    assert "state: live" in home.stack
    assert 'hardware: "hosts/nas/hardware.nix"' in home.stack
    assert "kvm-amd" in (home.top / "hosts/nas/hardware.nix").read_text()
    assert "nas: the new system answers, with the pinned key" in home.said
    assert home.said[-1] == "next: pulumi up"
    assert machine.called("nixos-install")[0].endswith(
        f"--no-root-password --no-channel-copy --flake "
        f"path:{machine.root}/run/homelab-install/flake#nas --no-update-lock-file"
    )


def test_no_secret_is_in_an_argument_or_a_line(make: Any) -> None:
    home = make({"hosts": {"nas": {"file_systems": {"/": {"encrypted": True}}}}})
    home.install(phrase="correct horse")
    secrets = ("PRIVATE KEY", "correct horse")
    for text in (*home.machine.calls(), *home.said):
        assert not any(secret in text for secret in secrets)
    assert (home.machine.directory / "typed").read_text() == "correct horse\n" * 3


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"typed": None}, "confirm the host's name: --confirm nas"),
        ({"typed": "pi"}, '"pi" is not nas; nothing was changed'),
        ({"typed": None, "confirm": "NAS"}, '"NAS" is not nas'),
    ],
)
def test_nothing_is_erased_without_the_name(make: Any, more: Any, says: str) -> None:
    home = make()
    with pytest.raises(UsageError) as refused:
        home.install(**more)
    assert says in str(refused.value)
    assert not home.machine.called("standin-disko")
    assert 'state: "planned"' in home.stack
    assert any("ERASES" in line for line in home.said)


@pytest.mark.long
def test_the_name_may_be_an_argument(make: Any) -> None:
    home = make()
    home.install(typed=None, confirm="nas")
    assert home.machine.called("standin-disko")


@pytest.mark.parametrize("key", [None, "SHA256:0000", "ssh-rsa AAAA"])
def test_a_machine_that_nobody_vouches_for_gets_nothing(make: Any, key: str | None) -> None:
    home = make()
    with pytest.raises(UsageError):
        home.install(target_key=key)
    assert home.machine.scripts == []


def test_another_key_than_the_stated_one_ends_it(make: Any) -> None:
    home = make()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with pytest.raises(HomelabError):
        home.install(target_key=other)
    assert home.machine.scripts == []


@pytest.mark.long
def test_a_fingerprint_is_enough(make: Any) -> None:
    home = make()
    home.install(target_key=home.machine.key.get_fingerprint())
    assert home.machine.called("nixos-install")


def test_an_error_of_nix_comes_before_anything_is_erased(make: Any) -> None:
    home = make()
    (home.machine.root / "wrong").touch()
    with pytest.raises(HomelabError, match="attribute missing"):
        home.install()
    assert not home.machine.called("standin-disko")


def test_a_run_after_a_failure_goes_on_and_erases_nothing_again(make: Any) -> None:
    home = make()
    full = home.machine.directory / "full"
    full.touch()
    with pytest.raises(HomelabError, match="no space left"):
        home.install()
    assert 'state: "planned"' in home.stack
    full.unlink()
    home.install()
    assert len(home.machine.called("standin-disko")) == 1
    assert "nas: the disks are partitioned already" in home.said
    assert (home.machine.disk / "etc/ssh/ssh_host_ed25519_key").exists()


@pytest.mark.long
def test_a_run_after_a_restart_of_the_installer_starts_over(make: Any) -> None:
    home = make()
    full = home.machine.directory / "full"
    full.touch()
    with pytest.raises(HomelabError):
        home.install()
    full.unlink()
    for path in (home.machine.root / "run/homelab-install/done").iterdir():
        path.unlink()
    home.install()
    assert len(home.machine.called("standin-disko")) == 2


@pytest.mark.long
def test_an_installed_host_is_refused(make: Any) -> None:
    """By the stack, and by the machine itself."""
    home = make()
    home.install()
    with pytest.raises(UsageError, match="nas is live, so its disks may hold data"):
        home.install()
    with pytest.raises(UsageError, match="not an installer"):
        home.install(reinstall=True)
    assert len(home.machine.called("standin-disko")) == 1


def test_a_system_that_does_not_return_is_named(make: Any) -> None:
    home = make()
    home.machine.command("systemctl", ":")
    with pytest.raises(HomelabError, match="is installed, and does not answer after 1 s"):
        home.install(wait_seconds=1)
    # Its disks hold a system now.
    assert "state: live" in home.stack


def test_another_pinned_key_is_refused_before_the_machine_is_asked(make: Any) -> None:
    home = make()
    other, _ = stacks.new_key(home.top)
    home.key_file = other
    with pytest.raises(UsageError, match="is another key than the one that --key-file has"):
        home.install()
    assert home.machine.scripts == []


def test_a_running_system_is_refused(make: Any) -> None:
    home = make()
    home.machine.release(INSTALLED)
    with pytest.raises(UsageError, match="not an installer; start it from a NixOS installer"):
        home.install()
    assert not home.machine.called("standin-disko")


def test_errors_of_the_entry_come_before_anything_is_erased(make: Any) -> None:
    home = make({"hosts": {"nas": {"static": True, "interface": None}}})
    with pytest.raises(HomelabError, match=r"hosts\.nas\."):
        home.install()
    assert not home.machine.called("standin-disko")


@pytest.mark.long
def test_a_machine_outside_of_the_lan_is_told_to_join_the_tailnet(make: Any) -> None:
    home = make({"hosts": {"nas": {"address": {"lan": None, "tailnet": None}}}})
    home.install()
    assert any("tailscale up, and write its address" in line for line in home.said)
