"""Each entry of age.nix is still needed, and has a reason."""

from __future__ import annotations

import pytest

from tests.evaluation.nixpkgs import AGE, NIXPKGS, ask, release

pytestmark = pytest.mark.nixpkgs

_ASKED = """
  let
    lib = import {nixpkgs}/lib;
    age = import {age} lib;
    bare = import {nixpkgs}/nixos/lib/eval-config.nix {{
      system = "x86_64-linux";
      modules = [ {{ _module.check = false; }} ];
    }};
    pkgs = import {nixpkgs} {{ system = "x86_64-linux"; }};
    path = lib.splitString ".";
    there = name: lib.hasAttrByPath (path name) bare.options;
    module = name: builtins.pathExists ({nixpkgs} + "/nixos/modules/${{name}}");
  in
  {{
    options = lib.filter there (lib.attrNames age.absent);
    services = lib.filter (
      n:
      let one = age.services.${{n}}; at = one.at or "services.${{n}}"; in
      at != "" && !(one ? instead) && there at
    ) (lib.attrNames age.services);
    modules = lib.filter (m: !(module m)) (
      lib.concatMap (one: one.instead or [ ]) (lib.attrValues age.services)
    );
    packages = lib.filter (n: pkgs ? ${{n}} && !(age.packages.${{n}}.named or false)) (lib.attrNames age.packages);
    changed = lib.filter (n: !((age.changed.${{n}}.applies or (_: true)) bare)) (lib.attrNames age.changed);
    silent = lib.filter (one: (one.why or "") == "") (
      lib.attrValues age.packages ++ lib.attrValues age.absent ++ lib.attrValues age.services ++ lib.attrValues age.changed
    );
    release = age.release;
  }}
"""


def test_every_entry_of_age_is_still_needed() -> None:
    """An entry goes if the nixpkgs has the option or package, or lacks the module."""
    found = ask(_ASKED.format(nixpkgs=NIXPKGS, age=AGE))
    assert isinstance(found, dict)
    if found.pop("release") != release():
        pytest.skip("the list is for another release")
    assert {kind: names for kind, names in found.items() if names} == {}
