"""Read key names and recipients of a sops file without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.plaintext import UnreadableError, mapping, yaml_data
from homelab.secrets.model import SopsFile


def create_it(*keys: str) -> str:
    """The way out of a missing sops file with these keys. `secret set` writes its rule too."""
    only = f"homelab secret set {keys[0]}" if len(keys) == 1 else "homelab secret set --missing"
    return f"create it: {only}"


def set_it(key: str) -> str:
    """The way out of a missing key."""
    return f"set it: homelab secret set {key}"


NOTES = "homelab_unencrypted"
"""Key above what homelab knows of the values. sops does not encrypt what is below a key that ends
in `_unencrypted`, but authenticates it with the rest of the file."""
CHANGED = "changed"
"""Below it: the days on which `homelab secret set` wrote each value."""
UNCHANGED = "unchanged_since"
"""Below it: of each other value, a day since which it has not changed."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
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
        changed=_dates(tree, CHANGED),
        unchanged=_dates(tree, UNCHANGED),
        modified=_day(metadata.get("lastmodified")) if isinstance(metadata, dict) else "",
    )


def _dates(tree: Mapping[str, object], kind: str) -> dict[str, str]:
    """The day of each key. A day that is encrypted or damaged is left out."""
    inner = mapping(mapping(tree.get(NOTES)).get(kind))
    days = {key: _day(value) for key, value in inner.items()}
    return {key: day for key, day in days.items() if day}


def _day(value: object) -> str:
    """The day of a time stamp. YAML reads one without quotes as a date."""
    found = _DAY.match(str(value))
    return found[0] if found else ""


def _leaves(value: object, path: str) -> Iterator[tuple[str, str, int]]:
    """(key path, kind, bytes) of each leaf. A reference cannot address items of a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            # `/` in a reference separates levels, so it cannot address a key that contains one.
            ours = not path and key in ("sops", NOTES)
            if not ours and "/" not in str(key):
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
