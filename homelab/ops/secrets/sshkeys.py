"""SSH keys computed from a derived secret: reproducible, without any state.

The private key is formatted here, because libraries write random check bytes into theirs, and a
secret that changes in every run would be sent to its host in every run. Format: PROTOCOL.key of
OpenSSH.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MAGIC = b"openssh-key-v1\0"
_TYPE = b"ssh-ed25519"
_BLOCK = 8


def private_half(secret: str) -> str:
    """The private key file, as `ssh -i` reads it."""
    seed = _seed(secret)
    public = _public(seed)
    # The format has two equal numbers to check the passphrase; there is no passphrase.
    check = hashlib.sha256(b"check\0" + seed).digest()[:4]
    inner = check + check + _string(_TYPE) + _string(public) + _string(seed + public) + _string(b"")
    inner += bytes(range(1, 1 + -len(inner) % _BLOCK))
    blob = b"".join(
        (
            _MAGIC,
            _string(b"none") + _string(b"none") + _string(b""),
            (1).to_bytes(4, "big"),
            _string(_string(_TYPE) + _string(public)),
            _string(inner),
        )
    )
    body = "\n".join(textwrap.wrap(base64.b64encode(blob).decode(), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


def public_half(secret: str) -> str:
    """The line of `authorized_keys` for this key, with `restrict`."""
    blob = _string(_TYPE) + _string(_public(_seed(secret)))
    return f"restrict {_TYPE.decode()} {base64.b64encode(blob).decode()}\n"


def _seed(secret: str) -> bytes:
    return hashlib.sha256(b"ssh-ed25519\0" + secret.encode()).digest()


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
