"""Make the values of stored secrets."""

from __future__ import annotations

import base64
import secrets
import string
from dataclasses import dataclass

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from homelab.config.secrets import Generate

_LETTERS = string.ascii_letters + string.digits
_LENGTHS = {"hex": 64}
_LENGTH = 32
_KEY_BYTES = 32
ARGON2_KIB = 64 * 1024
"""Memory of one hash."""


@dataclass(frozen=True)
class Made:
    """A new value."""

    value: str
    public: str = ""
    """Of a private key, the public key: not a secret."""
    password: str = ""
    """Of a hash, the password that it is the hash of."""


def generate(how: Generate, owner: str) -> Made:
    """A new random value of this kind. `owner` is the default user of a line of htpasswd."""
    length = how.length or _LENGTHS.get(how.kind, _LENGTH)
    match how.kind:
        case "hex":
            return Made(secrets.token_hex((length + 1) // 2)[:length])
        case "base64":
            return Made(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
        case "base64url":
            return Made(secrets.token_urlsafe(length)[:length])
        case "ssh":
            return _ssh()
        case "wireguard":
            return _wireguard()
        case "age":
            identity = pyrage.x25519.Identity.generate()
            return Made(str(identity), public=str(identity.to_public()))
        case "htpasswd":
            return _htpasswd(how.user or owner, length)
        case "argon2":
            password = _password(length)
            return Made(_argon2(password), password=password)
    return Made(_password(length))


def _password(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _htpasswd(user: str, length: int) -> Made:
    """A line of an htpasswd file with bcrypt, which reads 72 bytes of a password."""
    import bcrypt

    password = _password(min(length, 72))
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=12)).decode()
    return Made(f"{user}:{hashed}", password=password)


def _argon2(password: str) -> str:
    """Argon2id with the second recommended option of RFC 9106: 3 passes, 64 MiB, 4 lanes."""
    kdf = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=3, lanes=4, memory_cost=ARGON2_KIB
    )
    return kdf.derive_phc_encoded(password.encode())


def _ssh() -> Made:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return Made(private, public=public)


def _wireguard() -> Made:
    raw = bytearray(secrets.token_bytes(_KEY_BYTES))
    # As `wg genkey` does: the bits that Curve25519 fixes (RFC 7748, section 5).
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    public = X25519PrivateKey.from_private_bytes(bytes(raw)).public_key().public_bytes_raw()
    return Made(base64.b64encode(raw).decode(), public=base64.b64encode(public).decode())
