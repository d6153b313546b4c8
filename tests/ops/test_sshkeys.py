"""SSH keys that follow from a derived secret, as OpenSSH and its libraries read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.ops.secrets.sshkeys import private_half, public_half


@given(st.text(min_size=1, max_size=60))
def test_both_halves_are_of_one_key_and_the_same_each_time(secret: str) -> None:
    key = asyncssh.import_private_key(private_half(secret))
    options, line = public_half(secret).split(" ", 1)
    assert options == "restrict"
    assert asyncssh.import_public_key(line).public_data == key.public_data
    assert private_half(secret) == private_half(secret)


def test_another_secret_is_another_key() -> None:
    assert public_half("a") != public_half("b")


def test_openssh_reads_it(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not on PATH")
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(private_half("secret"))
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == public_half("secret").split()[1:3]
