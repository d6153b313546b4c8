"""An SD card gets its host key and its WiFi network; the image and the Nix store have neither."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from homelab.ops.install.card import write_card
from homelab.problems import UsageError
from homelab.render import render_images
from homelab.system.bootstrap import _SHELL
from homelab.system.iwd import profile_name, profile_text
from homelab.system.steps import first_steps
from tests import build, stackdir
from tests.household import Changes
from tests.install import stacks

pytestmark = pytest.mark.requirement("S1-31")
PASSWORD = "correct horse"


def attic(public: str | None = None, wifi: Changes | None = None) -> Changes:
    return {
        "hosts": {
            "attic": {
                "state": "planned",
                "platform": "aarch64-linux",
                "state_version": "25.11",
                "bootstrap": "sd-image",
                "address": {"lan": "192.168.1.31"},
                **({"ssh": {"host_key": public}} if public else {}),
                **({"wifi": wifi} if wifi else {}),
            }
        }
    }


class Card:
    """A card whose firmware partition is mounted, and the stack that it is for."""

    def __init__(self, top: Path, wifi: Changes | None) -> None:
        self.key_file, self.public = stacks.new_key(top)
        self.stack = stackdir.write_stack(top / "stack", attic(self.public, wifi))
        self.place = top / "FIRMWARE"
        self.place.mkdir()
        (self.place / "config.txt").write_text("arm_64bit=1\n")

    def write(
        self, ssid: str = "", password: str | None = PASSWORD, place: Any = None
    ) -> list[str]:
        return write_card(
            self.stack,
            stackdir.NAME,
            "attic",
            place or self.place,
            key_file=self.key_file,
            ssid=ssid,
            password=lambda _: password,
        )


def started(card: Path, top: Path) -> tuple[Path, str]:
    """The root of the machine after its first start, and what its unit said."""
    root, tools = top / "root", top / "tools"
    root.mkdir(exist_ok=True)
    tools.mkdir(exist_ok=True)
    # `mount` gives the directory of the card, `umount` writes it back.
    mount = f'[ "$*" = "-t vfat -o umask=0077 LABEL=FIRMWARE {root}/run/homelab-card" ]\n'
    mount += f'[ -d {card} ]\ncp -a {card}/. "$6"\n'
    for name, body in (
        ("mount", mount),
        ("umount", f'rm -rf {card}\ncp -a "$1" {card}\n'),
    ):
        (tools / name).write_text(f"#!/bin/bash\nset -e\n{body}")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _SHELL],
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOMELAB_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root, done.stdout + done.stderr


def test_the_first_start_takes_the_key_and_the_network_and_leaves_none_of_it(
    tmp_path: Path,
) -> None:
    card = Card(tmp_path, {"backend": "iwd"})
    said = card.write(ssid="home")
    assert not any(PASSWORD in line or "PRIVATE" in line for line in said)
    root, output = started(card.place, tmp_path)
    key = root / "etc/ssh/ssh_host_ed25519_key"
    profile = root / "var/lib/iwd/home.psk"
    assert (
        asyncssh.read_private_key(str(key)).export_public_key().decode().split()[1]
        == (card.public.split()[1])
    )
    assert key.with_suffix(".pub").read_text().split()[:2] == card.public.split()
    assert profile.read_text() == f"[Security]\nPassphrase={PASSWORD}\n"
    assert [stat.S_IMODE(f.stat().st_mode) for f in (key, profile)] == [0o600, 0o600]
    assert sorted(p.name for p in card.place.rglob("*")) == ["config.txt"]
    assert PASSWORD not in output
    assert "PRIVATE" not in output
    # The next start finds nothing, and changes nothing.
    before = key.read_text()
    assert started(card.place, tmp_path)[1] == ""
    assert key.read_text() == before


def test_a_card_without_the_partition_starts_all_the_same(tmp_path: Path) -> None:
    root, output = started(tmp_path / "nothing", tmp_path)
    assert "there is no host key and no WiFi on it" in output
    assert not (root / "etc").exists()


def test_the_password_of_the_stack_is_taken_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(tmp_path, {"ssid": "home", "psk": {"sops": "wifi/psk"}})
    monkeypatch.setattr("homelab.ops.install.card.resolve", lambda *_: f"wifi_psk={PASSWORD}\n")
    card.write(password=None)
    assert PASSWORD in (card.place / "homelab/wifi/home.psk").read_text()


def test_what_is_no_card_gets_no_key(tmp_path: Path) -> None:
    card = Card(tmp_path, None)
    (tmp_path / "home").mkdir()
    with pytest.raises(UsageError, match="is not the firmware partition of a card"):
        card.write(place=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_network_needs_a_name_and_a_password(tmp_path: Path) -> None:
    card = Card(tmp_path, {"backend": "iwd"})
    with pytest.raises(UsageError, match="name the network: --wifi NETWORK"):
        card.write()
    with pytest.raises(UsageError, match="nobody typed the password of home"):
        card.write(ssid="home", password=None)
    assert not (card.place / "homelab").exists()


def test_a_host_without_wifi_gets_its_key_alone(tmp_path: Path) -> None:
    card = Card(tmp_path, None)
    card.write(password=None)
    assert [p.name for p in (card.place / "homelab").iterdir()] == ["ssh_host_ed25519_key"]


@pytest.mark.parametrize(
    ("ssid", "name"),
    [
        ("home", "home.psk"),
        ("Our home_2-4", "Our home_2-4.psk"),
        ("café", "=636166c3a9.psk"),
        ("a/../b", "=612f2e2e2f62.psk"),
    ],
)
def test_the_file_of_a_network_has_the_name_that_iwd_expects(ssid: str, name: str) -> None:
    assert profile_name(ssid) == name


@pytest.mark.parametrize(
    ("password", "line"),
    [
        (PASSWORD, f"Passphrase={PASSWORD}"),
        ("  two blanks", r"Passphrase=\s\stwo blanks"),
        (r"back\slash", r"Passphrase=back\\slash"),
        ("A" * 64, f"PreSharedKey={'a' * 64}"),
    ],
)
def test_a_password_is_written_as_iwd_reads_it(password: str, line: str) -> None:
    assert profile_text(password) == f"[Security]\n{line}\n"


@pytest.mark.parametrize("password", ["short", "x" * 64, "two\nlines", "schlüssel"])
def test_what_is_no_password_is_refused_without_being_shown(password: str) -> None:
    with pytest.raises(UsageError) as refused:
        profile_text(password)
    assert password not in str(refused.value)


def test_the_image_has_the_unit_and_no_secret() -> None:
    lock = (build.SHIPPED / "locks/nixos-25.11.lock").read_text()
    plan = build.plan(attic(wifi={"ssid": "home", "psk": {"sops": "wifi/psk"}}))
    made = dict(render_images(plan, {"locks/nixos-25.11.lock": lock})["attic"].files)
    image = str(made["bootstrap.nix"])
    assert "systemd.services.homelab-card" in image
    assert r"dev-disk-by\\x2dlabel-FIRMWARE.device" in image
    assert made["lib/card.sh"] == _SHELL
    assert "home" not in image.replace("homelab", "").replace("home.example", "")


def test_the_steps_name_the_card_and_leave_out_what_is_done(tmp_path: Path) -> None:
    _, public = stacks.new_key(tmp_path)
    unknown, known = (first_steps(build.plan(attic(key)), "attic") for key in (None, public))
    assert "homelab host key attic" in unknown
    assert "homelab bootstrap attic --onto" in known
    assert "Pin its host key" not in known
