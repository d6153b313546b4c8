"""Convert SSH host keys to age recipients, and validate age recipients.

A host decrypts with its SSH host key. age uses Curve25519 and SSH uses Ed25519, the same curve in
Edwards form; a formula (RFC 7748, section 4.1) converts a public key. age writes the result in
bech32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from homelab.sshkey import ssh_fields, whole_key

_PRIME = 2**255 - 19
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_KEY_TYPE = "ssh-ed25519"
_DIGIT = 5
"""Bits per bech32 character."""
_RECIPIENT_LETTERS = 52 + 6
"""Characters for 32 bytes, and for the checksum."""
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@lru_cache(maxsize=4096)
def age_recipient(ssh_public_key: str) -> str:
    """The `age1…` recipient of an `ssh-ed25519 AAAA…` key. Raises ValueError for anything else."""
    y = int.from_bytes(_ed25519(ssh_public_key), "little") & ((1 << 255) - 1)
    if y in (0, 1) or y >= _PRIME:
        raise ValueError("this is not a valid ed25519 key")
    u = (1 + y) * pow(1 - y, -1, _PRIME) % _PRIME
    return bech32("age", u.to_bytes(32, "little"))


def bech32(prefix: str, data: bytes) -> str:
    """Bytes as bech32 text (BIP 173)."""
    values = list(_five_bits(data))
    sum_ = _checksum([*_head(prefix), *values, *[0] * 6]) ^ 1
    values += [sum_ >> 5 * (5 - i) & 31 for i in range(6)]
    return f"{prefix}1" + "".join(_ALPHABET[v] for v in values)


def check_recipient(text: str) -> str:
    """The text itself, if it is an age recipient, a plugin's recipient or an SSH public key.

    Raises `ValueError` with a way out when sops cannot encrypt for it.
    """
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise ValueError(
            "this is a private age key, which is now compromised; make a new one with "
            "age-keygen, and write the age1… line that age-keygen -y prints for it"
        )
    if text.startswith(("ssh-ed25519 ", "ssh-rsa ")):
        return whole_key(text)
    prefix, _, letters = text.rpartition("1")
    if not prefix.startswith("age"):
        raise ValueError(
            "this is not an age recipient; write the age1… line that age-keygen -y prints"
        )
    values = [_ALPHABET.find(letter) for letter in letters]
    # A plugin's recipient, age1name1…, may have any length.
    short = prefix == "age" and len(values) != _RECIPIENT_LETTERS
    if short or min(values, default=-1) < 0 or _checksum([*_head(prefix), *values]) != 1:
        raise ValueError(
            "this age recipient is incomplete or mistyped; copy it again from the output of "
            "age-keygen -y"
        )
    return text


def _ed25519(ssh_public_key: str) -> bytes:
    if ssh_public_key.split()[:1] != [_KEY_TYPE]:
        raise ValueError("only ssh-ed25519 keys can be converted to age recipients")
    (key,) = ssh_fields(ssh_public_key)
    return key


def _head(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


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
