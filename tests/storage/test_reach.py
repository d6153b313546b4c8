"""A receiver that may be off: a run is skipped, and the sender tells if it stays off."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.storage.replicas import REACH
from tests import build
from tests.household import Changes, household
from tests.proxy.rig import free_ports
from tests.tools.programs import need

pytestmark = pytest.mark.requirement("S0-39")
HOUR = 3600
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Done]:
    script = tmp_path / "reach.sh"
    script.write_text(REACH[1])

    def run(*words: object) -> Done:
        return subprocess.run(
            ["bash", script, *map(str, words)],
            env={**os.environ, "HOMELAB_SENT": str(tmp_path / "sent")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_receiver_that_is_off_is_skipped_until_it_was_off_for_too_long(
    call: Callable[..., Done], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    words = ("reach", "photos_workstation", "workstation", "127.0.0.1", port, 1, 36)
    # A new replica has its time, too.
    assert call(*words).returncode == 1
    sent = tmp_path / "sent/photos_workstation"
    long_ago = sent.stat().st_mtime - 37 * HOUR
    os.utime(sent, (long_ago, long_ago))
    late = call(*words)
    assert late.returncode == 255
    assert "workstation is off, and photos was last sent there on 20" in late.stderr
    # An alert a day is enough.
    assert call(*words).returncode == 1
    os.utime(f"{sent}.told", (long_ago, long_ago))
    assert call(*words).returncode == 255
    with socket.create_server(("127.0.0.1", port)):
        assert call(*words).returncode == 0
    assert call("arrived", "photos_workstation").returncode == 0
    assert call(*words).returncode == 1
    assert not Path(f"{sent}.told").exists()


def test_a_receiver_that_may_be_off_is_woken(call: Callable[..., Done], tmp_path: Path) -> None:
    wake = tmp_path / "wake"
    wake.write_text(f"#!/bin/sh\ntouch {tmp_path}/woken\nexit 1\n")
    wake.chmod(0o755)
    (port,) = free_ports(1)
    assert call("reach", "a_b", "b", "127.0.0.1", port, 1, 1, wake).returncode == 1
    assert (tmp_path / "woken").exists()


@pytest.mark.parametrize("zfs", [False, True])
def test_only_a_receiver_that_may_be_off_is_looked_for(zfs: bool) -> None:
    def sender(to: str) -> tuple[str, set[str]]:
        place = {"zfs": "vault/photos"} if zfs else {"path": "/mnt/copy/photos"}
        photos: Changes = {
            "host": "aurora",
            "path": "/mnt/family/photos",
            "tier": "irreplaceable",
            **({"zfs": "tank/photos"} if zfs else {"fs": "btrfs", "mount": "/mnt/family"}),
            "replicate": {"to": to, "max_age_hours": 168, **place},
        }
        files = build.render(household({"datasets": {"photos": photos}}))["aurora"]
        return files["replicate.nix"], {*files}

    text, files = sender("workstation")
    words = "reach photos_workstation workstation 192.168.1.20 22 5 168"
    assert f'ExecCondition = "+${{pkgs.bash}}/bin/bash ${{./lib/reach.sh}} {words}"' in text
    assert "lib/reach.sh} arrived photos_workstation" in text
    assert "lib/reach.sh" in files
    text, files = sender("nas")
    assert "reach" not in text
    assert "lib/reach.sh" not in files


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    need("shellcheck")
    script = tmp_path / "reach.sh"
    script.write_text(REACH[1])
    found = subprocess.run(
        [shutil.which("shellcheck") or "", "--norc", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
