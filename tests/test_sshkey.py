"""SSH public keys: every accepted type, and damaged lines."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from homelab.sshkey import ssh_fields, whole_key
from tests import build

CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
_, ED25519 = build.KEY.split()


def line(kind: str, *fields: bytes) -> str:
    """A key from these parts."""
    parts = (kind.encode(), *fields)
    blob = b"".join(len(p).to_bytes(4, "big") + p for p in parts)
    return f"{kind} {base64.b64encode(blob).decode()} sam@lap"


def openssh(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*form).decode()


@pytest.mark.parametrize(
    "key",
    [
        build.KEY,
        f"{build.KEY} sam@lap",
        openssh(rsa.generate_private_key(65537, 2048).public_key()),
        *(openssh(ec.generate_private_key(c).public_key()) for c in CURVES.values()),
        line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
        line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", bytes(65), b"ssh:"),
    ],
    ids=lambda key: key.split()[0],
)
def test_a_complete_key_passes_and_no_truncated_one_does(key: str) -> None:
    assert whole_key(key) == key
    kind, data = key.split()[:2]
    for end in range(len(data)):
        with pytest.raises(ValueError, match=r"cut short or mistyped; copy the whole line"):
            whole_key(f"{kind} {data[:end]}")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (f"ssh-rsa {ED25519}", "says ssh-rsa, but the key in it is of another type, ssh-ed25519"),
        (line("ssh-ed25519", bytes(31)), "cut short"),
        (line("ssh-ed25519", bytes(32), b"more"), "cut short"),
        (line("ssh-rsa", b"", b"n"), "cut short"),
        (line("ssh-dss", bytes(32)), "cut short"),
        ("ssh-ed25519 ключ", "cut short"),
    ],
)
def test_a_key_whose_type_differs_from_its_line_is_refused(key: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ssh_fields(key)
