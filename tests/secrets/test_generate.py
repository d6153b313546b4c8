"""Generators make what the programs that read the values accept."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pyrage
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from homelab.config.secrets import Generate, Generator
from homelab.ops.secrets.generate import generate
from homelab.secrets.forms import GENERATED


@pytest.mark.parametrize("kind", get_args(Generator))
def test_each_kind_makes_a_new_value_that_fits_its_own_form(kind: Generator) -> None:
    if kind == "htpasswd":
        pytest.importorskip("bcrypt")
    how = Generate(kind=kind)
    made = generate(how, "sam")
    assert made.value != generate(how, "sam").value
    form = GENERATED.get(kind)
    assert form is None or form(made.value) == ""


@pytest.mark.parametrize(("kind", "default"), [("password", 32), ("hex", 64), ("base64url", 32)])
def test_a_length_is_kept(kind: Generator, default: int) -> None:
    assert len(generate(Generate(kind=kind), "sam").value) == default
    assert len(generate(Generate(kind=kind, length=51), "sam").value) == 51


def test_a_base64_value_is_a_master_key() -> None:
    assert len(base64.b64decode(generate(Generate(kind="base64"), "sam").value)) == 32


def test_the_public_key_belongs_to_the_private_key(tmp_path: Path) -> None:
    made = generate(Generate(kind="age"), "sam")
    assert str(pyrage.x25519.Identity.from_str(made.value).to_public()) == made.public
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not there")
    made = generate(Generate(kind="ssh"), "sam")
    (tmp_path / "key").write_text(made.value)
    (tmp_path / "key").chmod(0o600)
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(tmp_path / "key")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[:2] == made.public.split()[:2]


def test_a_wireguard_key_is_clamped_and_has_its_public_key() -> None:
    made = generate(Generate(kind="wireguard"), "sam")
    raw = base64.b64decode(made.value)
    assert (raw[0] & 7, raw[31] >> 6) == (0, 1)
    if shutil.which("wg") is None:
        pytest.skip("wg is not there")
    done = subprocess.run(
        ["wg", "pubkey"], input=made.value, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == made.public


def test_a_hash_comes_with_its_password() -> None:
    made = generate(Generate(kind="argon2", length=24), "sam")
    Argon2id.verify_phc_encoded(made.password.encode(), made.value)
    assert made.value.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert len(made.password) == 24


def test_a_line_of_htpasswd_is_for_the_owner_or_the_named_user() -> None:
    bcrypt = pytest.importorskip("bcrypt")
    made = generate(Generate(kind="htpasswd"), "sam")
    user, _, hashed = made.value.partition(":")
    assert user == "sam"
    assert bcrypt.checkpw(made.password.encode(), hashed.encode())
    named = generate(Generate(kind="htpasswd", user="kim", length=200), "sam")
    assert named.value.startswith("kim:$2b$12$")
    assert len(named.password) == 72, "bcrypt reads no more"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"kind": "ssh", "length": 40}, "has one length"),
        ({"kind": "hex", "user": "sam"}, "only htpasswd has a user"),
        ({"kind": "hex", "length": 8}, "greater than or equal to 16"),
    ],
)
def test_a_setting_that_does_nothing_is_refused(stated: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Generate.model_validate(stated)
