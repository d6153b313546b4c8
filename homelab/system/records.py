"""What a script says of a machine: lines of a name, a tab and a value in base64."""

from __future__ import annotations

import base64
import binascii
import re

from homelab.problems import HomelabError

PLATFORMS = {"x86_64": "x86_64-linux", "aarch64": "aarch64-linux"}
"""Platforms of Nix by what `uname -m` prints."""
_END = b"whole"
"""The value of the last record, `end`."""
_VARIABLE = re.compile(r'^([A-Z_]+)="?([^"\n]*)"?$', re.MULTILINE)


def read_records(name: str, output: str) -> dict[str, list[bytes]]:
    """The values by their names, in order. Raises HomelabError for anything but a whole report."""
    found: dict[str, list[bytes]] = {}
    try:
        for line in output.splitlines():
            key, _, value = line.partition("\t")
            found.setdefault(key, []).append(base64.b64decode(value, validate=True))
    except (ValueError, binascii.Error):
        found = {}
    if found.get("end") != [_END]:
        raise HomelabError(
            f"{name}: the answer is not the whole report that was asked for; run it again, and "
            "check that the account's shell prints nothing when it starts"
        )
    return found


def last_texts(records: dict[str, list[bytes]]) -> dict[str, str]:
    """The last value of each name, as text without blanks around it."""
    return {key: values[-1].decode(errors="replace").strip() for key, values in records.items()}


def os_release(text: str) -> dict[str, str]:
    """The variables of os-release(5)."""
    return dict(_VARIABLE.findall(text))
