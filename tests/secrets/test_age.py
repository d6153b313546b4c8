"""SSH host keys as age recipients."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from homelab.secrets.age import age_recipient, bech32, check_recipient

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def ssh_key(seed: bytes) -> str:
    """The OpenSSH public key of an ed25519 seed."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return text.decode()


def scalar(seed: bytes) -> bytes:
    """The Curve25519 secret that the same seed gives."""
    return hashlib.sha512(seed).digest()[:32]


@given(st.binary(min_size=32, max_size=32))
@pytest.mark.requirement("S0-58")
def test_the_recipient_is_the_public_key_of_the_same_secret(seed: bytes) -> None:
    """What is encrypted for it, the host can decrypt with its SSH key."""
    public = X25519PrivateKey.from_private_bytes(scalar(seed)).public_key()
    assert age_recipient(ssh_key(seed)) == bech32("age", public.public_bytes(*RAW))


def test_known_vectors() -> None:
    vectors = {
        "AAAAC3NzaC1lZDI1NTE5AAAAIMmiUSAGdLXZvnBmem8ZYDXR6KreXW5r5k/M9SvfrAcr": "age189j85jnnnll9cm8756qyj4knv3thu5rfvatdhf80w9c3uwuld44qrngxq9",
        "AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X": "age17v72lgfuc5f62w75lcve9uzkpzfc49cvrrc4pj4dr0ypuwxu3gtq7h4dy2",
    }
    for key, recipient in vectors.items():
        assert age_recipient(f"ssh-ed25519 {key} root@host") == recipient


def test_bech32_agrees_with_the_standards_own_example() -> None:
    """BIP 173."""
    assert bech32("a", b"") == "a12uel5l"
    data = bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df")
    assert bech32("abcdef", data) == "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"


def test_age_itself_agrees() -> None:
    age_keygen = shutil.which("age-keygen")
    if age_keygen is None:
        pytest.skip("age-keygen is not on PATH")
    seed = bytes(range(32))
    identity = bech32("age-secret-key-", scalar(seed)).upper()
    done = subprocess.run(
        [age_keygen, "-y"], input=identity, text=True, capture_output=True, check=True
    )
    assert done.stdout.strip() == age_recipient(ssh_key(seed))


@pytest.mark.parametrize(
    "key",
    [
        "ssh-rsa AAAAB3NzaC1yc2E",
        "ssh-ed25519",
        "ssh-ed25519 not-base64!",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==",
        "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode(),
    ],
)
def test_what_is_not_a_host_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        age_recipient(key)


RECIPIENT = bech32("age", bytes(range(32)))


@pytest.mark.parametrize(
    "recipient",
    [
        RECIPIENT,
        bech32("age1yubikey", bytes(33)),
        bech32("age1pq", bytes(1216)),
        ssh_key(bytes(32)),
    ],
)
@pytest.mark.requirement("S0-58")
def test_a_recipient_of_age_of_a_plugin_and_of_ssh_is_one(recipient: str) -> None:
    """Whatever sops can encrypt for."""
    assert check_recipient(recipient) == recipient


@pytest.mark.parametrize(
    ("recipient", "words"),
    [
        (RECIPIENT[:-1], "incomplete or mistyped; copy it again"),
        (RECIPIENT.replace("q", "p", 1), "incomplete or mistyped; copy it again"),
        (RECIPIENT.upper(), "not an age recipient; write the age1"),
        (bech32("age", bytes(31)), "incomplete or mistyped"),
        ("age1", "incomplete or mistyped"),
        ("sam", "not an age recipient; write the age1"),
        (ssh_key(bytes(32))[:60], "SSH key is cut short"),
        (bech32("age-secret-key-", bytes(32)).upper(), "a private age key"),
    ],
)
@pytest.mark.requirement("S0-58")
def test_what_nobody_could_decrypt_with_is_no_recipient(recipient: str, words: str) -> None:
    """sops would refuse it, or lock the operator out."""
    with pytest.raises(ValueError, match=words) as error:
        check_recipient(recipient)
    assert recipient not in str(error.value)
