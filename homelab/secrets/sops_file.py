"""What an encrypted file shows to somebody who has no key: its names, and who can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.plaintext import UnreadableError, mapping, yaml_data
from homelab.secrets.model import SopsFile


def in_file(key: str) -> str:
    """How a key of a reference is written in the file: each part below the one before it."""
    *above, last = key.split("/")
    return f"write {last}: below {', below '.join(reversed(above))}:" if above else f"write {last}:"


_VALUE = re.compile(r"ENC\[AES256_GCM,data:(.*?),.*type:([a-z]+)\]", re.DOTALL)


def parse_sops_file(path: str, text: str) -> SopsFile:
    """The file as it shows. What is not YAML, or lacks sops' own part, is not encrypted."""
    try:
        tree = mapping(yaml_data(text))
    except UnreadableError:
        tree = {}
    about = tree.get("sops")
    encrypted = isinstance(about, dict) and "mac" in about
    leaves = tuple(_leaves(tree, "")) if encrypted else ()
    return SopsFile(
        path=path,
        encrypted=encrypted,
        kinds={path: kind for path, kind, _ in leaves},
        recipients=frozenset(_recipients(about)),
        sizes={path: size for path, kind, size in leaves if kind == "str"},
    )


def _leaves(value: object, path: str) -> Iterator[tuple[str, str, int]]:
    """Each leaf, the kind of its value and how long that is. Parts of a list cannot be named by a
    reference.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            # A reference's `/` goes one level down, so it leads to no key that has one in its name.
            if (path or key != "sops") and "/" not in str(key):
                yield from _leaves(inner, f"{path}/{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, "list", 0
    else:
        match = _VALUE.fullmatch(value) if isinstance(value, str) else None
        # An empty text stays as it is: there is nothing to encrypt.
        kind = match[2] if match else ("str" if value == "" else "plain")
        yield path, kind, _size(match[1]) if match else 0


def _size(data: str) -> int:
    """Bytes behind base64; AES-GCM keeps its tag elsewhere."""
    return len(data) * 3 // 4 - data.count("=")


def _recipients(about: object) -> Iterator[str]:
    if not isinstance(about, dict):
        return
    for group in (about, *_items(about.get("key_groups"))):
        for entry in _items(mapping(group).get("age")):
            if isinstance(entry, dict) and isinstance(entry.get("recipient"), str):
                yield entry["recipient"]


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
