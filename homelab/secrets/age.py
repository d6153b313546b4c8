"""The age recipient of an SSH host key, so that a host can decrypt with the key it has anyway.

age works on Curve25519, SSH on its twin in Edwards form; one formula leads from a public key on
the one to the public key on the other. The result is written in bech32, as age does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

_PRIME = 2**255 - 19
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_KEY_TYPE = "ssh-ed25519"
_KEY_SIZE = 32
_DIGIT = 5
"""Bits in a letter of bech32."""
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def age_recipient(ssh_public_key: str) -> str:
    """The `age1…` recipient of an `ssh-ed25519 AAAA…` key. Raises ValueError for anything else."""
    y = int.from_bytes(_ed25519(ssh_public_key), "little") & ((1 << 255) - 1)
    if y in (0, 1) or y >= _PRIME:
        raise ValueError("this ed25519 key is not one that a machine would make")
    u = (1 + y) * pow(1 - y, -1, _PRIME) % _PRIME
    return bech32("age", u.to_bytes(32, "little"))


def bech32(prefix: str, data: bytes) -> str:
    """Bytes as bech32 text (BIP 173)."""
    values = list(_five_bits(data))
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    sum_ = _checksum([*head, *values, *[0] * 6]) ^ 1
    values += [sum_ >> 5 * (5 - i) & 31 for i in range(6)]
    return f"{prefix}1" + "".join(_ALPHABET[v] for v in values)


def _ed25519(ssh_public_key: str) -> bytes:
    kind, _, rest = ssh_public_key.strip().partition(" ")
    if kind != _KEY_TYPE or not rest.strip():
        raise ValueError("only ssh-ed25519 keys can be turned into age recipients")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
    except binascii.Error:
        raise ValueError("this SSH key is cut short or mistyped") from None
    match list(_fields(blob)):
        case [name, key] if name == _KEY_TYPE.encode() and len(key) == _KEY_SIZE:
            return key
    raise ValueError("this SSH key is cut short or mistyped")


def _fields(blob: bytes) -> Iterator[bytes]:
    """The parts of an SSH blob: each a length of four bytes, then as many bytes."""
    while blob:
        size = int.from_bytes(blob[:4], "big")
        yield blob[4 : 4 + size]
        blob = blob[4 + size :]


def _five_bits(data: bytes) -> Iterator[int]:
    value, bits = 0, 0
    for byte in data:
        value, bits = (value << 8 | byte) & 0xFFF, bits + 8
        while bits >= _DIGIT:
            bits -= _DIGIT
            yield value >> bits & 31
    if bits:
        yield value << (_DIGIT - bits) & 31


def _checksum(values: Iterable[int]) -> int:
    sum_ = 1
    for value in values:
        top = sum_ >> 25
        sum_ = (sum_ & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATORS):
            if top >> i & 1:
                sum_ ^= generator
    return sum_
