"""The guide names what each part of a host writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.managed import PARTS
from tests import build

GUIDE = (Path(__file__).parents[2] / "docs/guide/adopting.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.requirement("S1-39")
def test_the_table_of_parts_names_the_files_of_each() -> None:
    files = {part: tuple(re.findall(r"`([^`]+)`", names)) for part, _, names in ROW.findall(GUIDE)}
    assert files == {part: tuple(names) for part, names in PARTS.items()}


WORDS = {
    "networking.hostName": "host name",
    "time.timeZone": "time zone",
    "i18n.defaultLocale": "locale",
    "console.keyMap": "keyboard layout",
    "nixpkgs.hostPlatform": "platform",
    "system.stateVersion": "state version",
}
"""What the table calls each option of `host.nix`."""


def test_the_table_of_parts_names_each_option_of_host_nix() -> None:
    text = {part: words for part, words, _ in ROW.findall(GUIDE)}["system"]
    changes = {"site": {"keymap": "de"}}
    host = build.render(changes)["nas"]["host.nix"]
    set_there = set(re.findall(r"^      ([a-zA-Z0-9.]+) =", host, re.MULTILINE))
    assert set_there == WORDS.keys()
    assert [word for word in WORDS.values() if word not in text] == []
