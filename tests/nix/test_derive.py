"""How derived values yield: the option's type decides, whatever the value looks like.

The types here have the parts that `derive.nix` asks a type for. With HOMELAB_NIXPKGS, the path of a
nixpkgs of any release, the same values go through its own module system, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from homelab.render import DERIVE
from tests.tools.programs import evaluate

TYPES = """
let
  named = name: check: { inherit name check; nestedTypes = { }; };
  of = name: inner: check: (named name check) // { nestedTypes.elemType = inner; };
  t = rec {
    str = named "str" builtins.isString;
    int = named "int" builtins.isInt;
    attrs = named "attrs" builtins.isAttrs;
    anything = named "anything" (_: true);
    lines = named "separatedString" builtins.isString;
    setting = named "systemd option" (_: true);
    nixpkgs = named "nixpkgs-config" builtins.isAttrs;
    ldap = named "LDAP" (v: builtins.isString v || v ? path);
    attrsOf = inner: of "attrsOf" inner builtins.isAttrs;
    listOf = inner: of "listOf" inner builtins.isList;
    nullOr = inner: of "nullOr" inner (v: v == null || inner.check v);
    either = left: right: (named "either" (v: left.check v || right.check v)) // {
      nestedTypes = { inherit left right; };
    };
    coercedTo = coercedType: finalType: (named "coercedTo" (_: true)) // {
      nestedTypes = { inherit coercedType finalType; };
    };
    submodule = options: free: (named "submodule" builtins.isAttrs) // {
      getSubOptions = _: options;
      nestedTypes = if free == null then { } else { freeformType = free; };
    };
    json = nullOr (either (either int str) (either (attrsOf json) (listOf json)));
  };
  option = type: { _type = "option"; inherit type; };
  lib = {
    isDerivation = v: v ? type && v.type == "derivation";
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
  };
  derive = type: value: (import ./derive.nix { inherit lib; options.o = option type; } { o = value; }).o;
in
"""


def derive(tmp_path: Path, type_: str, value: str) -> Any:
    (tmp_path / "derive.nix").write_text(DERIVE, encoding="utf-8")
    return evaluate(f"{TYPES} derive ({type_}) ({value})", tmp_path)


def yields(value: object) -> dict[str, object]:
    return {"_type": "override", "priority": 900, "content": value}


CASES = {
    "a text yields": ("t.str", '"a"', yields("a")),
    "a list joins": ("t.listOf t.str", '[ "a" ]', ["a"]),
    "a list in a setting of systemd joins": ("t.setting", '[ "a" ]', ["a"]),
    "a text in a setting of systemd yields": ("t.setting", '"a"', yields("a")),
    "each key of a set yields": ("t.attrsOf t.int", "{ a = 1; }", {"a": yields(1)}),
    "a set that is one value yields whole": ("t.attrs", "{ a.b = 1; }", yields({"a": {"b": 1}})),
    "a set of such sets yields by key": (
        "t.attrsOf t.attrs",
        '{ web."bind to" = "x"; }',
        {"web": yields({"bind to": "x"})},
    ),
    "a set with a merge of its own yields whole": (
        "t.attrsOf (t.either t.ldap (t.listOf t.ldap))",
        '{ olcRootPW.path = "/x"; olcAccess = [ "a" ]; }',
        {"olcRootPW": yields({"path": "/x"}), "olcAccess": ["a"]},
    ),
    "freeform settings yield at every depth": (
        "t.submodule { port = option t.int; deep = option t.attrs; } t.json",
        "{ port = 1; deep.a = 1; log.level = 2; list = [ 1 ]; }",
        {
            "port": yields(1),
            "deep": yields({"a": 1}),
            "log": {"level": yields(2)},
            "list": [1],
        },
    ),
    "freeform attrs know no priorities": (
        "t.submodule { port = option t.int; } t.attrs",
        "{ port = 1; x.y = 2; }",
        {"port": yields(1), "x": {"y": 2}},
    ),
    "a key that a submodule does not have yields": (
        "t.submodule { } null",
        "{ x = 1; }",
        {"x": yields(1)},
    ),
    "sets of anything merge, and its lists do not": (
        "t.anything",
        "{ a.b = 1; c = [ 1 ]; }",
        {"a": {"b": yields(1)}, "c": yields([1])},
    ),
    "what is converted yields before": ("t.coercedTo (t.listOf t.str) t.str", "[ 1 ]", yields([1])),
    "what is not converted yields as its type": (
        "t.coercedTo t.str (t.attrsOf t.int)",
        "{ a = 1; }",
        {"a": yields(1)},
    ),
    "null yields": ("t.nullOr (t.attrsOf t.int)", "null", yields(None)),
    "what may be null yields as its type": (
        "t.nullOr (t.attrsOf t.int)",
        "{ a = 1; }",
        {"a": yields(1)},
    ),
    "nixpkgs' own configuration stays plain": ("t.nixpkgs", "{ a = 1; }", {"a": 1}),
    "a type nobody knows yields whole": (
        '{ name = "new"; }',
        "{ a = [ 1 ]; }",
        yields({"a": [1]}),
    ),
    "what says its own priority keeps it": (
        "t.attrsOf t.int",
        '{ a = { _type = "override"; priority = 50; content = 1; }; }',
        {"a": {"_type": "override", "priority": 50, "content": 1}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_type_says_what_one_value_is(tmp_path: Path, case: str) -> None:
    type_, value, expected = CASES[case]
    assert derive(tmp_path, type_, value) == expected


def test_what_no_module_declares_is_named_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "derive.nix").write_text(DERIVE, encoding="utf-8")
    got = evaluate(
        f"{TYPES} import ./derive.nix {{ inherit lib; options.a = {{ }}; }} {{ a.b.c = 1; a.l = [ 1 ]; }}",
        tmp_path,
    )
    assert got == {"a": {"b": {"c": yields(1)}, "l": [1]}}


def test_a_package_is_one_value(tmp_path: Path) -> None:
    got = derive(tmp_path, "t.anything", '{ type = "derivation"; name = "x"; }')
    assert got == yields({"type": "derivation", "name": "x"})


REAL = """
let
  lib = import "${nixpkgs}/lib";
  t = lib.types;
  json = t.nullOr (t.oneOf [ t.bool t.int t.str (t.attrsOf json) (t.listOf json) ]);
  ldap = lib.mkOptionType {
    name = "LDAP"; check = v: lib.isString v || v ? path; merge = lib.mergeEqualOption;
  };
  option = type: default: lib.mkOption { inherit type default; };
  declared.options.o = {
    netdata = option (t.attrsOf t.attrs) { };
    json = option json { };
    free = option (t.submodule { freeformType = t.attrsOf json; options.port = option t.port 1; }) { };
    attrs = option (t.submodule { freeformType = t.attrs; options.port = option t.port 1; }) { };
    any = option t.anything { };
    ldap = option (t.attrsOf (t.either ldap (t.listOf ldap))) { };
    coerced = option (t.coercedTo (t.listOf t.str) (lib.concatStringsSep ",") t.str) "";
    list = option (t.listOf t.int) [ ];
    text = option t.str "";
  };
  ours = { lib, options, ... }: {
    config = import ./derive.nix { inherit lib options; } {
      o = {
        netdata.web."bind to" = "ours";
        json = { a.b = "ours"; a.c = "ours"; };
        free = { port = 2; log.level = "ours"; };
        attrs = { port = 2; a = "ours"; };
        any = { a.b = "ours"; a.c = "ours"; };
        ldap.olcRootPW.path = "ours";
        coerced = [ "ours" ];
        list = [ 1 ];
        text = "ours";
      };
    };
  };
  theirs.config.o = {
    netdata.web.mine = "theirs";
    json.a.b = "theirs";
    free = { port = 3; log.level = "theirs"; };
    attrs.port = 3;
    any.a.b = "theirs";
    ldap.olcRootPW = "theirs";
    coerced = "theirs";
    list = [ 2 ];
    text = "theirs";
  };
  of = modules: (lib.evalModules { modules = [ declared ] ++ modules; }).config.o;
in
{ alone = of [ ours ]; both = of [ ours theirs ]; }
"""


def test_the_module_system_takes_every_derived_value(tmp_path: Path) -> None:
    nixpkgs = os.environ.get("HOMELAB_NIXPKGS")
    if not nixpkgs:
        pytest.skip("HOMELAB_NIXPKGS names no nixpkgs")
    versions = [Path(nixpkgs) / ".version", Path(nixpkgs) / "lib/.version"]
    release = next(v.read_text(encoding="utf-8") for v in versions if v.is_file())
    if release.strip() < "21.05":
        pytest.skip("freeform types and anything came with 21.05")
    (tmp_path / "derive.nix").write_text(DERIVE, encoding="utf-8")
    got = evaluate(REAL.replace("${nixpkgs}", nixpkgs), tmp_path)
    assert got["alone"] == {
        "netdata": {"web": {"bind to": "ours"}},
        "json": {"a": {"b": "ours", "c": "ours"}},
        "free": {"port": 2, "log": {"level": "ours"}},
        "attrs": {"port": 2, "a": "ours"},
        "any": {"a": {"b": "ours", "c": "ours"}},
        "ldap": {"olcRootPW": {"path": "ours"}},
        "coerced": "ours",
        "list": [1],
        "text": "ours",
    }
    assert got["both"] == {
        "netdata": {"web": {"mine": "theirs"}},
        "json": {"a": {"b": "theirs", "c": "ours"}},
        "free": {"port": 3, "log": {"level": "theirs"}},
        "attrs": {"port": 3, "a": "ours"},
        "any": {"a": {"b": "theirs", "c": "ours"}},
        "ldap": {"olcRootPW": "theirs"},
        "coerced": "theirs",
        "list": [2, 1],
        "text": "theirs",
    }
