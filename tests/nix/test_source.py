"""A module's settings are read as Nix would read them, as far as text tells."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.nix.source import Computed, read_nix

READ: dict[str, tuple[str, dict[str, Any]]] = {
    "nested": ("{ a = { b.c = 1; d = true; }; }", {"a.b.c": 1, "a.d": True}),
    "a function": ("{ config, ... }: { a = null; }", {"a": None}),
    "two functions": ("x: { lib, ... }: { a = 1; }", {"a": 1}),
    "let, with and assert": ("let x = 1; in with y; assert z; { a = x; }", {"a": 1}),
    "a name of a set": ("let x = { b = 1; }; in { a = x; }", {"a.b": 1}),
    "rec": ("rec { a = b; b = 2; }", {"a": 2, "b": 2}),
    "inherit": ("let a = 1; in { inherit a; }", {"a": 1}),
    "mkIf": ("{ a = lib.mkIf c { b = 1; }; }", {"a.b": 1}),
    "mkForce in mkDefault": ("{ a = lib.mkDefault (lib.mkForce 2); }", {"a": 2}),
    "mkOverride": ("{ a = lib.mkOverride 10 false; }", {"a": False}),
    "mkMerge": ("lib.mkMerge [ { a = 1; } (lib.mkIf c { b = 2; }) ]", {"a": 1, "b": 2}),
    "an update": ("{ a = { b = 1; } // { c = 2; }; }", {"a.b": 1, "a.c": 2}),
    "config": ("{ config.a = 1; options.b = 2; }", {"a": 1}),
    "lists": ("{ a = [ 1 ] ++ [ 2 3 ]; b = lib.optionals x [ 4 ]; }", {"a": (1, 2, 3), "b": (4,)}),
    "optional": ("{ a = lib.optional x 1; }", {"a": (1,)}),
    "sets in a list": ("{ a = [ { b.c = 1; } ]; }", {"a": ({"b": {"c": 1}},)}),
    "numbers": ("{ a = -1; b = 1.5; }", {"a": -1, "b": 1.5}),
    "a string": (r'{ a = "x\n\"\${y}"; }', {"a": 'x\n"${y}'}),
    "an indented string": ("{ a = ''\n    x\n      y ''${z}\n  ''; }", {"a": "x\n  y ${z}\n"}),
    "a joined string": ('{ a = "x" + "y"; }', {"a": "xy"}),
    "an empty set": ("{ a = { }; }", {"a": {}}),
    "a quoted name": ('{ a."b.c".d = 1; }', {'a."b.c".d': 1}),
    "what is put in": ('{ a = "x${y}"; }', {"a": Computed("x${y}")}),
    "a name from elsewhere": ("{ a = config.b; }", {"a": Computed("config.b")}),
    "mkMerge of a joined list": (
        "lib.mkMerge ([ { a = 1; } ] ++ [ { b = 2; } ])",
        {"a": 1, "b": 2},
    ),
    "mkMerge of what is mapped": (
        "lib.mkMerge (map (x: { a.${x} = 1; }) y)",
        {"a.*": 1},
    ),
    "mkMerge of sets that a list has": (
        "{ config = lib.mkMerge (lib.mapAttrsToList (n: v: { b = 2; }) y); }",
        {"b": 2},
    ),
    "a module in joined imports": ("{ imports = [ ./x.nix ] ++ [ { a = 1; } ]; }", {"a": 1}),
    "a module in optional imports": ("{ imports = lib.optional y { a = 1; }; }", {"a": 1}),
    "a module of require": ("{ require = [ { a = 1; } ]; }", {"a": 1}),
    "a module that a function makes": (
        "let m = p: { a = [ p ]; }; in { imports = [ (m 22) ]; }",
        {"a": (22,)},
    ),
    "options that a function makes": (
        "let f = { x }: { a = x; }; in { config = f { x = 1; }; }",
        {"a": Computed("x")},
    ),
    "a module behind a warning": ('lib.warnIf y "old" { a = builtins.trace "x" 1; }', {"a": 1}),
    "a specialisation": ("{ specialisation.x.configuration.a = 1; }", {"a": 1}),
    "a specialisation in config": (
        "{ config.specialisation.x.configuration = { a = 1; }; }",
        {"a": 1},
    ),
    "a specialisation in another": (
        "{ specialisation.x.configuration.specialisation.y.configuration.config.a = 1; }",
        {"a": 1},
    ),
    "a comment at the top": ("# x\n{ a = 1; }", {"a": 1}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize("name", READ)
def test_a_module_is_read(name: str) -> None:
    text, expected = READ[name]
    assert {s.name: s.value for s in read_nix(text).settings} == expected


def test_a_function_that_calls_itself_ends() -> None:
    source = read_nix("let f = x: f x; g = x: { a = 1; imports = [ (g x) ]; }; in f 1 // g 1")
    assert {s.name for s in source.settings} <= {"a"}


def test_names_that_describe_more_than_any_machine_holds_are_not_read_to_the_end() -> None:
    names = " ".join(f"a{i + 1} = {{ x = a{i}; y = a{i}; }};" for i in range(40))
    assert read_nix(f"let a0 = 1; {names} in {{ b = a40; }}").unread == (1,)


def test_both_ways_of_an_if_may_hold() -> None:
    found = read_nix("{ a = if x then 1 else 2; }").settings
    assert [s.value for s in found] == [1, 2]


def test_a_setting_stands_on_the_line_of_its_name() -> None:
    text = "let off = false; in {\n\n  a =\n    off;\n  b = {\n    c = 1;\n  };\n}"
    assert {s.name: s.line for s in read_nix(text).settings} == {"a": 3, "b.c": 6}


@pytest.mark.parametrize(
    "text", ["{ a = | ; }", "{ a = 1", "}", "{" * 500, "\0", "\ud800", "", "# nothing yet\n"]
)
def test_what_is_no_nix_is_told_by_its_line(text: str) -> None:
    assert read_nix(text).unread == (1,)


@pytest.mark.parametrize(
    "formals",
    [
        "{ a, b, }",
        "{ a ? [ ], }@all",
        "all@{ a, }",
        "{\n  a, # one\n  b ? { }, # two\n}",
        "{ a\n, # last\n}",
    ],
)
def test_a_comma_after_the_last_formal_is_nix(formals: str) -> None:
    assert read_nix(f"let f = {formals}: a; in {{ x = f {{ }}; y = 1; }}").unread == ()
    found = read_nix(f"{formals}: {{ y = 1; }}")
    assert (found.unread, found.settings[0].value) == ((), 1)


@pytest.mark.parametrize("formals", ["{ , }", "{ a, , }", "{ a,, b }", "{ a ? , }", "{ ..., }"])
def test_a_comma_elsewhere_is_not(formals: str) -> None:
    assert read_nix(f"{formals}: {{ y = 1; }}").unread == (1,)


def test_names_that_stand_for_each_other_end() -> None:
    assert read_nix("let x = y; y = x; in { a = x; }").settings[0].path == ("a",)
    assert read_nix("let x = { b = x; }; in { a = x; }").unread == (1,)


def test_deep_nesting_never_raises() -> None:
    assert read_nix("{ a = " * 20000 + "1" + "; }" * 20000).unread
    assert read_nix("[" * 20000 + "]" * 20000) is not None
