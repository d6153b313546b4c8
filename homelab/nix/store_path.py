"""Store paths of sources, as Nix computes them from the hash in a lock file."""

from __future__ import annotations

import base64
import binascii
import hashlib

STORE = "/nix/store"
_DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
_SRI = "sha256-"


def source_path(nar_hash: str) -> str:
    """The path of an input with this `narHash` (`sha256-…`). Nix looks there before it fetches.

    Raises ValueError for another kind of hash. See `makeFixedOutputPath` of Nix's store.
    """
    digest = sha256_of(nar_hash)
    text = f"source:sha256:{digest.hex()}:{STORE}:source"
    whole, short = hashlib.sha256(text.encode()).digest(), bytearray(20)
    for place, byte in enumerate(whole):
        short[place % len(short)] ^= byte
    return f"{STORE}/{base32(bytes(short))}-source"


def sha256_of(nar_hash: str) -> bytes:
    """The digest of a `narHash`. Raises ValueError for another kind of hash."""
    try:
        digest = base64.b64decode(nar_hash.removeprefix(_SRI), validate=True)
    except binascii.Error:
        digest = b""
    if not nar_hash.startswith(_SRI) or len(digest) != 32:
        raise ValueError(f"{nar_hash!r} is not a hash of the form sha256-…")
    return digest


def base32(data: bytes) -> str:
    """Bytes in Nix's base32: its own digits, the last bits first."""
    number = int.from_bytes(data, "little")
    length = (len(data) * 8 + 4) // 5
    return "".join(_DIGITS[number >> (5 * place) & 31] for place in reversed(range(length)))
