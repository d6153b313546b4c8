"""What an encrypted file shows to somebody who has no key: its names, and who can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from homelab.secrets.model import SopsFile

_VALUE = re.compile(r"ENC\[AES256_GCM,data:.*,type:([a-z]+)\]", re.DOTALL)


def parse_sops_file(path: str, text: str) -> SopsFile:
    """The file as it shows. What is not YAML, or lacks sops' own part, is not encrypted."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        data = None
    tree = data if isinstance(data, dict) else {}
    about = tree.get("sops")
    encrypted = isinstance(about, dict) and "mac" in about
    return SopsFile(
        path=path,
        encrypted=encrypted,
        kinds=dict(_kinds(tree, "")) if encrypted else {},
        recipients=frozenset(_recipients(about)),
    )


def _kinds(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Each leaf and the kind of its value. Parts of a list cannot be named by a reference."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path or key != "sops":
                yield from _kinds(inner, f"{path}/{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, "list"
    else:
        match = _VALUE.fullmatch(value) if isinstance(value, str) else None
        # An empty text stays as it is: there is nothing to encrypt.
        yield path, match[1] if match else ("str" if value == "" else "plain")


def _recipients(about: object) -> Iterator[str]:
    if not isinstance(about, dict):
        return
    for group in (about, *(about.get("key_groups") or [])):
        for entry in (group.get("age") or []) if isinstance(group, dict) else []:
            if isinstance(entry, dict) and isinstance(entry.get("recipient"), str):
                yield entry["recipient"]
