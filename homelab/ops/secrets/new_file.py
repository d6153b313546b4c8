"""Make a new sops file without the `sops` command, in the format of sops 3.

The first hour of a homelab needs no further program. `sops` itself reads and changes these files
later; files that exist are its business alone. Format: https://github.com/getsops/sops, `aes/`,
`sops.go` (`Tree.Encrypt`) and `age/keysource.go`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pyrage
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "3.11.0"
"""Version of sops whose files these are."""
_PLAIN = "_unencrypted"
"""Keys with this ending stay in clear text, with everything below them."""
_KEY_BYTES = _NONCE_BYTES = 32

Tree = Mapping[str, "str | Tree"]


def sealed_text(tree: Tree, recipients: Sequence[str], now: datetime) -> str:
    """The text of a sops file with these values, encrypted for age recipients.

    Raises ValueError without recipients: nobody could open the file.
    """
    if not recipients:
        raise ValueError("a sops file needs a recipient")
    key = os.urandom(_KEY_BYTES)
    day = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha512()
    for value in _values(tree):
        digest.update(value.encode())
    mac = _sealed(key, digest.hexdigest().upper(), day)
    metadata = {
        "age": [{"recipient": r, "enc": _for(r, key)} for r in recipients],
        "lastmodified": day,
        "mac": mac,
        "unencrypted_suffix": _PLAIN,
        "version": VERSION,
    }
    body = {**_encrypted(tree, key, ()), "sops": metadata}
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=10**9, allow_unicode=True)


def _for(recipient: str, key: bytes) -> str:
    to = pyrage.x25519.Recipient.from_str(recipient)
    sealed: bytes = pyrage.encrypt(key, [to], armored=True)
    return sealed.decode()


def _values(tree: Tree) -> Iterator[str]:
    """Every value in the order of the file; its signature covers those in clear text, too."""
    for value in tree.values():
        if isinstance(value, str):
            yield value
        else:
            yield from _values(value)


def _encrypted(tree: Tree, key: bytes, path: tuple[str, ...]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in tree.items():
        where = (*path, name)
        if not isinstance(value, str):
            made[name] = _encrypted(value, key, where)
        elif value == "" or any(part.endswith(_PLAIN) for part in where):
            made[name] = value
        else:
            made[name] = _sealed(key, value, "".join(f"{part}:" for part in where))
    return made


def _sealed(key: bytes, value: str, context: str) -> str:
    """A value with AES-256-GCM. Its context ties it to its key, so values cannot be exchanged."""
    nonce = os.urandom(_NONCE_BYTES)
    whole = AESGCM(key).encrypt(nonce, value.encode(), context.encode())
    data, tag, iv = (base64.b64encode(part).decode() for part in (whole[:-16], whole[-16:], nonce))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as sops does."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
