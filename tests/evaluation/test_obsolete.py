"""nixpkgs says of a renamed option what `homelab update` reads."""

from __future__ import annotations

import pytest

from homelab.update.obsolete import read_obsolete
from tests.evaluation.nixpkgs import NIXPKGS, ask

pytestmark = pytest.mark.nixpkgs


@pytest.mark.parametrize(
    ("made", "new", "same"),
    [
        ('mkRenamedOptionModule [ "a" "b" ] [ "c" "d" ]', ("c", "d"), True),
        ('mkChangedOptionModule [ "a" "b" ] [ "c" "d" ] (_: 1)', ("c", "d"), False),
        ('mkRemovedOptionModule [ "a" "b" ] "Use c.d."', None, False),
    ],
)
def test_the_library_of_nixpkgs_says_it_like_this(
    made: str, new: tuple[str, ...] | None, same: bool
) -> None:
    said = ask(
        f"with import {NIXPKGS}/lib; let said = (evalModules {{ modules = [ ({made}) "
        "{ options = { c.d = mkOption { }; warnings = mkOption { default = [ ]; }; "
        "assertions = mkOption { default = [ ]; }; }; } "
        '{ _file = "/x.nix"; config.a.b = 1; } ]; }).config; '
        "in said.warnings ++ map (a: a.message) said.assertions"
    )
    assert isinstance(said, list)
    (text,) = said
    found = read_obsolete(text)
    assert found is not None
    assert (found.option, found.new, found.same_type) == (("a", "b"), new, same)
    assert found.files == ("/x.nix",)
