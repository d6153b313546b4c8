"""Validate SSH public keys: the line is complete, and the key has the type that it states.

A truncated or mistyped key still looks like a key, and would be noticed only at a failed login.
"""

from __future__ import annotations

import base64

CUT = "this SSH key is cut short or mistyped; copy the whole line of its .pub file again"
_ED25519 = (32,)
_ECDSA = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
"""Bytes of an uncompressed point on each curve."""


def ssh_fields(line: str) -> tuple[bytes, ...]:
    """The fields of the key after its type. Raises ValueError with a message and a way out."""
    kind, _, rest = line.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0] if rest.split() else "", validate=True)
    except ValueError:
        raise ValueError(CUT) from None
    inner, *fields = _split(blob)
    if inner != kind.encode():
        if inner.decode("ascii", "replace") in _SIZES:
            raise ValueError(
                f"the line says {kind}, but the key in it is of another type, {inner.decode()}; "
                "copy the whole line of its .pub file again"
            )
        raise ValueError(CUT)
    sizes = _SIZES.get(kind, ())
    if len(fields) != len(sizes) or not all(
        len(f) == size if size else f for f, size in zip(fields, sizes, strict=True)
    ):
        raise ValueError(CUT)
    return tuple(fields)


def whole_key(line: str) -> str:
    """The line itself. Raises ValueError if its key is incomplete or of another type."""
    ssh_fields(line)
    return line


_SIZES: dict[str, tuple[int, ...]] = {
    "ssh-ed25519": _ED25519,
    # The last field of a key on a security token is its application.
    "sk-ssh-ed25519@openssh.com": (*_ED25519, 0),
    # Exponent and modulus, of any size.
    "ssh-rsa": (0, 0),
    **{f"ecdsa-sha2-{curve}": (len(curve), size) for curve, size in _ECDSA.items()},
    "sk-ecdsa-sha2-nistp256@openssh.com": (len("nistp256"), _ECDSA["nistp256"], 0),
}
"""Bytes of each field after the type; 0 for any number."""


def _split(blob: bytes) -> list[bytes]:
    """The fields of an SSH blob: each has a length of four bytes, then its bytes."""
    parts = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise ValueError(CUT)
        parts.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return parts or [b""]
