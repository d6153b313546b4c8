"""State of modules without a catalog entry: what the file says is whole, and of real options."""

from __future__ import annotations

import posixpath
import re

import pytest

from homelab.catalog import ENTRIES
from homelab.catalog.state import StateOf, state_of
from tests.tools.options import Node, require_options
from tests.tools.walk import walk

MODULES = walk("one", state_of(), named="option")
NEWER = ("services.desktopManager.cosmic", "services.desktopManager.gnome")
"""Modules that came after the option data."""


@MODULES
def test_a_row_names_a_module_and_whole_directories(one: StateOf) -> None:
    assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)*[.]nix", one.source)
    assert all(p.startswith("/") and p == posixpath.normpath(p) for p in one.paths)
    # A mount at a directory of a DynamicUser unit would keep the unit from starting.
    assert all(p == "/var/lib/private" or "private" not in p for p in one.paths)
    assert ("*" in one.option) or not any("*" in p for p in one.paths)


@MODULES
def test_a_module_and_the_option_that_moves_its_state_exist(one: StateOf) -> None:
    if one.option in NEWER:
        pytest.skip("newer than the option data")
    root = require_options()
    node = _at(root, one.option)
    assert node is not None
    assert one.each or "enable" in node.below
    assert not one.each or "_name_" in node.below
    if one.at:
        assert one.at.startswith(f"{one.option}.")
        assert _at(root, one.at) is not None


def _at(node: Node | None, option: str) -> Node | None:
    for part in option.split("."):
        node = node.child(part) if node is not None else None
    return node


def test_no_row_stands_for_a_service_of_the_catalog() -> None:
    """Its own state is in its entry; a database that it needs is a module beside it."""
    own = {next((o for o in e.options if o.endswith(".enable")), "") for e in ENTRIES.values()}
    rows = {f"{one.option}.enable" for one in state_of()}
    assert rows & own <= {"services.influxdb2.enable", "services.samba.enable"}
