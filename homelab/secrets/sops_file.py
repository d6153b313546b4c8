"""Read key names and recipients of a sops file without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.plaintext import UnreadableError, mapping, yaml_data
from homelab.secrets.model import SopsFile


def create_it(path: str) -> str:
    """The way out of a missing sops file. sops creates none without the rules in `.sops.yaml`."""
    return f"create it: homelab sops --out .sops.yaml, then sops {path}"


def in_file(key: str) -> str:
    """A way out: how to write the key of a reference in the file, one level per part."""
    *above, last = key.split("/")
    return f"write {last}: below {', below '.join(reversed(above))}:" if above else f"write {last}:"


_VALUE = re.compile(r"ENC\[AES256_GCM,data:(.*?),.*type:([a-z]+)\]", re.DOTALL)


def parse_sops_file(path: str, text: str) -> SopsFile:
    """Parse a sops file. Text that is not YAML or has no `sops` section is not encrypted."""
    try:
        tree = mapping(yaml_data(text))
    except UnreadableError:
        tree = {}
    metadata = tree.get("sops")
    encrypted = isinstance(metadata, dict) and "mac" in metadata
    leaves = tuple(_leaves(tree, "")) if encrypted else ()
    return SopsFile(
        path=path,
        encrypted=encrypted,
        kinds={path: kind for path, kind, _ in leaves},
        recipients=frozenset(_recipients(metadata)),
        sizes={path: size for path, kind, size in leaves if kind == "str"},
    )


def _leaves(value: object, path: str) -> Iterator[tuple[str, str, int]]:
    """(key path, kind, bytes) of each leaf. A reference cannot address items of a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            # `/` in a reference separates levels, so it cannot address a key that contains one.
            if (path or key != "sops") and "/" not in str(key):
                yield from _leaves(inner, f"{path}/{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, "list", 0
    else:
        match = _VALUE.fullmatch(value) if isinstance(value, str) else None
        # sops does not encrypt empty text.
        kind = match[2] if match else ("str" if value == "" else "plain")
        yield path, kind, _size(match[1]) if match else 0


def _size(data: str) -> int:
    """Length of base64-encoded data in bytes; sops stores the tag of AES-GCM separately."""
    return len(data) * 3 // 4 - data.count("=")


def _recipients(metadata: object) -> Iterator[str]:
    if not isinstance(metadata, dict):
        return
    for group in (metadata, *_items(metadata.get("key_groups"))):
        for entry in _items(mapping(group).get("age")):
            if isinstance(entry, dict) and isinstance(entry.get("recipient"), str):
                yield entry["recipient"]


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
