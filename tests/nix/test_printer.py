"""Nix text is safe for any value: what real Nix reads is what was meant, and nixfmt agrees."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.nix import (
    After,
    Attrs,
    Call,
    Comment,
    Force,
    Function,
    Library,
    Lines,
    Module,
    Nix,
    Pkg,
    Raw,
    Script,
    Text,
    attrs,
    merge,
    print_file,
    print_module,
    print_value,
)
from homelab.nix import (
    Path as NixPath,
)
from homelab.nix.lines import joined
from homelab.nix.values import ConflictError
from homelab.render import DERIVE
from tests.tools.programs import evaluate, formatted

ONCE = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
"""Each example is a batch, for one start of a program is worth a hundred values."""

NASTY = [
    "",
    "$",
    "$$",
    "${",
    "${x}",
    "$${x}",
    "\\${x}",
    "''",
    "'''",
    "''${x}",
    "''\\n",
    "'",
    '"',
    '\\"',
    "\\",
    "\\n",
    "\\\\",
    "\n",
    "\n\n",
    "a\nb",
    "a\nb\n",
    "\na",
    "  a\n b\n",
    "  a\n  b\n",
    "a\n  \nb",
    "a\n\n  b\n",
    "\ta\n\tb\n",
    "a\r\nb",
    "a'\nb",
    "a$\nb",
    "a $$ b\nc",
    "''\n''",
    "it's ''quoted''\nand ${more}\n",
    "ünï ☃ 🏠\nx\n",
    "\u2028",
    "\u00a0 x\ny",
    "\x7f\x1b[0m",
    "# no comment",
    "/* no comment */\n",
    "rec { }",
    "../..",
    "~/x",
    "<nixpkgs>",
    "http://x",
]
text = (
    st.sampled_from(NASTY)
    | st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
        max_size=30,
    )
    | st.text(alphabet="$'\"\\{}\n \tab", max_size=14)
)
keys = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=10,
) | st.sampled_from(
    ["if", "or", "a-b", "a'b", "a.b", "${x}", "1a", "_", "true", "null", "__functor_"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).filter(
        lambda f: f == 0 or abs(f) > 1e-12
    )
    | text
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


def same(one: Any, other: Any) -> bool:
    """Equal, where Nix prints no more than six digits of a fraction."""
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(one, int | float) and math.isclose(one, other, rel_tol=1e-5)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and type(one) is type(other)


@ONCE
@given(st.lists(values, min_size=10, max_size=60))
def test_any_value_evaluates_to_itself(tmp_path: Path, batch: list[Nix]) -> None:
    got = evaluate(print_value(batch), tmp_path)
    wrong = [(a, b) for a, b in zip(batch, got, strict=True) if not same(a, b)]
    assert wrong == []


@ONCE
@given(st.lists(text, min_size=10, max_size=80))
def test_any_text_survives_every_way_to_write_it(tmp_path: Path, batch: list[str]) -> None:
    batch = [*NASTY, *batch]
    ways: list[Nix] = []
    for one in batch:
        ways += [one, Lines(one), Script.of(one), Text.of(one), Text((one,), indented=True)]
        ways += [{"deep": {"er": [Lines(one)]}}]
    got = evaluate(print_value(ways), tmp_path)
    for i, one in enumerate(batch):
        *flat, deep = got[i * 6 : i * 6 + 6]
        assert flat == [one] * 5, (one, flat)
        assert deep == {"deep": {"er": [one]}}


@ONCE
@given(
    st.lists(
        st.lists(text | st.just(Raw('"$v"')), min_size=1, max_size=5), min_size=10, max_size=40
    )
)
def test_parts_never_join_into_something_live(tmp_path: Path, batch: list[list[str | Raw]]) -> None:
    """A `$` before a brace, whichever parts they stand in, is a dollar and a brace."""
    corner: list[list[str | Raw]] = [
        ["$", "{x}"],
        ["$", Raw('"$v"')],
        ["$$", Raw('"$v"')],
        ["'", "'"],
        ["'", "'", "${x}"],
        ["a\n$", Raw('"$v"'), "\n"],
        ["a\n'", "'\n"],
        ["\\", Raw('"$v"')],
        ["\\", "n"],
        ["a\n", "$", "{x}\n"],
    ]
    batch = [*corner, *batch]
    ways: list[Nix] = []
    for parts in batch:
        ways += [Text(tuple(parts)), Script(tuple(parts)), Text(tuple(parts), indented=True)]
    got = evaluate(print_value(ways), tmp_path)
    for i, parts in enumerate(batch):
        meant = "".join("$v" if isinstance(p, Raw) else p for p in parts)
        assert got[i * 3 : i * 3 + 3] == [meant] * 3, parts


def test_what_nix_cannot_hold_is_refused() -> None:
    for value in ("a\0b", Lines("a\0\n"), {"a\0": 1}):
        with pytest.raises(ValueError, match="NUL"):
            print_value(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        print_value(object())  # type: ignore[arg-type]
    for path in ("/etc/passwd", "../x", "a/../../x", "a b", "${x}"):
        with pytest.raises(ValueError, match="inside the tree"):
            print_value(NixPath(path))


def test_numbers_of_every_size(tmp_path: Path) -> None:
    numbers = [0, -1, 2**63 - 1, -(2**62), 0.0, -0.5, 1e-7, 1.5e-7, 1e16, 1e22, 123456.75, 1e300]
    got = evaluate(print_value(list(numbers)), tmp_path)
    assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(numbers, got, strict=True)), got


# --- layout ----------------------------------------------------------------------------------

plain_text = st.text(alphabet="abc /.:-_", max_size=90)
expressions = (
    st.none()
    | st.booleans()
    | st.integers(-9999, 9999)
    | plain_text
    | text
    | st.sampled_from(
        [
            Pkg("hello"),
            Pkg("python3Packages.x"),
            NixPath("secrets.yaml"),
            Raw("config.networking.hostName"),
            Raw("./default.nix"),
            Lines("one\ntwo\n"),
            Lines("one\n\n  two"),
            Script.of("exec ", Pkg("hello"), "/bin/hello\n"),
            Call("lib.escapeShellArg", ("it's",)),
            Call("lib.mkIf", (Raw("config.x.enable"), {"a": 1, "b": [1, 2]})),
            Text.of("http://", Raw("config.networking.hostName"), ":80"),
        ]
    )
)
names = st.sampled_from(
    ["a", "enable", "settings", "services", "if", "a-b", "192.168.1.1", "x y", "systemd"]
)
# A priority and a comment stand at a binding, never inside a list.
structures = st.recursive(
    expressions,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            names,
            inner
            | inner.map(Force)
            | inner.map(After)
            | st.tuples(st.sampled_from(["why", "two\nlines"]), inner).map(lambda c: Comment(*c)),
            max_size=4,
        )
    ),
    max_leaves=18,
)
trees = st.dictionaries(
    st.sampled_from(["services", "systemd", "users", "networking", "a"]),
    st.dictionaries(names, structures, min_size=1, max_size=4),
    max_size=3,
)
modules = st.builds(
    Module,
    file=st.just("services/x.nix"),
    what=st.sampled_from(["What it holds", "Two\nlines"]),
    derived=trees,
    stated=trees,
    imports=st.sampled_from([(), ("./hardware.nix",), ("./a.nix", "./b.nix")]),
    library=st.sampled_from([None, Library("backup", "{ }\n")]),
).filter(lambda m: m.derived or m.stated or m.imports)


@ONCE
@given(st.lists(modules, min_size=4, max_size=25))
def test_nixfmt_has_nothing_to_change_in_modules(tmp_path: Path, batch: list[Module]) -> None:
    bad = formatted(tmp_path, [print_module(m, "Made by homelab.", "..") for m in batch])
    assert bad == [], bad[0]


@ONCE
@given(st.lists(trees.filter(bool), min_size=4, max_size=25))
def test_nixfmt_has_nothing_to_change_in_files(tmp_path: Path, batch: list[dict[str, Nix]]) -> None:
    bad = formatted(tmp_path, [print_file(t, head="Made by homelab.") for t in batch])
    assert bad == [], bad[0]


@pytest.mark.parametrize("arguments", [("prev",), ("_", "prev"), ("final", "prev", "more")])
def test_a_function_in_a_list_is_as_nixfmt_has_it(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    called: Nix = Call("import inputs.unstable", ({"config": Raw("prev.config")},))
    function: Nix = Call("lib.getAttrs", (["hello"], called))
    for argument in reversed(arguments):
        function = Function(argument, function)
    text = print_file({"nixpkgs.overlays": [function]}, head="Made by homelab.")
    assert f"      {': '.join(arguments)}:\n      lib.getAttrs" in text
    assert formatted(tmp_path, [text]) == []


@pytest.mark.parametrize("names", [["n8n"], ["n8n", "unrar"], ["a" * 30], ["a" * 40], []])
@pytest.mark.parametrize("path", ["a", "nixpkgs.config.allowUnfreePredicate"])
def test_a_function_with_a_call_is_as_nixfmt_has_it(
    tmp_path: Path, names: list[Nix], path: str
) -> None:
    body = Call("builtins.elem (lib.getName pkg)", (names,))
    text = print_file({path: Function("pkg", body)}, head="Made by homelab.")
    assert formatted(tmp_path, [text]) == []


@pytest.mark.parametrize("words", ["", " run", " with ${HOME} and words" * 3])
@pytest.mark.parametrize(
    "package", ["pkgs.hello", f"inputs.{'x' * 20}.packages.${{system}}.default"]
)
def test_a_long_text_with_a_package_of_a_flake_is_as_nixfmt_has_it(
    tmp_path: Path, package: str, words: str
) -> None:
    started = Text.of(Raw(f"lib.getBin {package}"), f"/bin/{'y' * 30}{words}")
    tree: dict[str, Nix] = {"systemd.services.hello.serviceConfig": {"ExecStart": started, "a": 1}}
    assert formatted(tmp_path, [print_file(tree, head="Made by homelab.")]) == []


# --- modules ---------------------------------------------------------------------------------

STUB = """
let
  lib = {
    isDerivation = v: v ? type && v.type == "derivation";
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkForce = content: { _type = "override"; priority = 50; inherit content; };
    mkAfter = content: { _type = "order"; priority = 1500; inherit content; };
    mkBefore = content: { _type = "order"; priority = 500; inherit content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
  };
in
"""


RULES: Attrs = {
    "networking": {"firewall": {"extraInputRules": Lines("tcp dport 22 accept\n")}},
    "services": {
        "journald": {"extraConfig": Comment("It is flash.", Lines("Storage=volatile\n"))},
        "caddy": {"virtualHosts": {"*.home": {"extraConfig": Lines("abort\n"), "x": "y"}}},
    },
    "systemd": {"services": {"ours": {"script": Lines("a\nb\n"), "preStart": Lines("a\nb\n")}}},
}


@pytest.mark.requirement("S0-56")
def test_lines_that_others_write_too_join_and_a_body_of_ours_yields(tmp_path: Path) -> None:
    """A firewall rule of the owner's does not throw away the one that lets SSH in."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/derive.nix").write_text(DERIVE, encoding="utf-8")
    text = print_module(Module("x.nix", "What it holds", derived=RULES), "Head")
    (tmp_path / "x.nix").write_text(text, encoding="utf-8")
    assert formatted(tmp_path, [text]) == []
    got = evaluate(STUB + "(import ./x.nix { inherit lib; options = { }; }).config", tmp_path)
    rules = got["networking"]["firewall"]["extraInputRules"]
    assert rules == {"_type": "order", "priority": 1500, "content": "tcp dport 22 accept\n"}
    # To journald the last line of a setting holds, and that shall be the owner's.
    assert got["services"]["journald"]["extraConfig"]["priority"] == 500
    host = got["services"]["caddy"]["virtualHosts"]["*.home"]
    assert (host["extraConfig"]["_type"], host["x"]["_type"]) == ("order", "override")
    unit = got["systemd"]["services"]["ours"]
    assert (unit["script"]["priority"], unit["preStart"]["priority"]) == (900, 1500)


def test_a_module_imports_the_library_whose_options_it_sets() -> None:
    """A path of its own tree, from wherever the file is."""
    library = Library("backup", "{ }\n")
    module = Module("x.nix", "What it holds", imports=("./a.nix",), library=library)
    for root in (".", ".."):
        text = print_module(module, "Head", root)
        assert f"imports = [\n    ./a.nix\n    {root}/lib/backup.nix\n  ];" in text


def test_a_forced_text_stays_forced() -> None:
    forced: Attrs = attrs("services.openssh.extraConfig", Force("x"))
    assert joined(forced) == forced
    assert joined(attrs("services.openssh.extraConfig", After("x"))) == attrs(
        "services.openssh.extraConfig", After("x")
    )


@ONCE
@given(st.lists(st.tuples(trees, trees), min_size=5, max_size=20))
def test_a_module_says_what_was_derived_and_what_was_stated(
    tmp_path: Path, batch: list[tuple[dict[str, Nix], dict[str, Nix]]]
) -> None:
    """Not one option is lost, whichever of the two ways it came."""
    data = [(_data(d), _data(s)) for d, s in batch]
    (tmp_path / "lib").mkdir(exist_ok=True)
    (tmp_path / "lib/derive.nix").write_text("_: value: value", encoding="utf-8")
    whole = "let load = path: let m = import path; in if builtins.isFunction m then "
    whole += "m { inherit lib; config = { }; options = { }; pkgs = { }; } else m; in [\n"
    for i, (derived, stated) in enumerate(data):
        module = Module("x.nix", "What it holds", derived=derived, stated=stated)
        (tmp_path / f"m{i}.nix").write_text(print_module(module, "Head"), encoding="utf-8")
        whole += f"(load ./m{i}.nix)\n"
    got = evaluate(STUB + whole + "]", tmp_path)
    for (derived, stated), module in zip(data, got, strict=True):
        config = module.get("config", module)
        if derived and stated:
            assert same(config["contents"], [derived, stated])
        else:
            assert same(config, derived or stated)


def _data(value: Any) -> Any:
    """The same tree with plain data in place of every expression."""
    if isinstance(value, dict):
        return {k: _data(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_data(v) for v in value]
    return value if value is None or isinstance(value, bool | int | str) else "expression"


# --- merging ---------------------------------------------------------------------------------


def test_sets_merge_lists_join_and_equal_values_agree() -> None:
    one = {"a": {"x": 1, "list": [1, 2]}, "same": "v"}
    other = {"a": {"y": 2, "list": [2, 3]}, "same": "v", "new": None}
    assert merge(one, other) == {
        "a": {"x": 1, "y": 2, "list": [1, 2, 3]},
        "same": "v",
        "new": None,
    }
    assert one == {"a": {"x": 1, "list": [1, 2]}, "same": "v"}, "what was given is left alone"


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b"),
        ({"a": {"b": 1}}, {"a": 1}, "a"),
        ({"a": 1}, {"a": {"b": 1}}, "a"),
        ({"a": [1]}, {"a": 1}, "a"),
        ({"a": True}, {"a": 1}, "a"),
    ],
)
def test_a_conflict_names_its_place(one: dict[str, Nix], other: dict[str, Nix], place: str) -> None:
    with pytest.raises(ConflictError, match=f"^{place}$"):
        merge(one, other)


@settings(deadline=None)
@given(st.lists(trees, min_size=2, max_size=4))
def test_merging_disjoint_rooms_is_the_same_in_any_order(rooms: list[dict[str, Nix]]) -> None:
    named: list[dict[str, Nix]] = [{f"room-{i}": room} for i, room in enumerate(rooms)]
    assert merge(*named) == merge(*reversed(named))


def test_an_option_path_becomes_a_tree() -> None:
    assert attrs("a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert attrs('services."x.y".z', 1) == {"services": {"x.y": {"z": 1}}}
    assert attrs('a."b c"', 1) == {"a": {"b c": 1}}


@pytest.mark.parametrize(
    "path", [("commands", "mysql-x.sql"), ("a", "b"), ("a", "b", "c", "d", "e")]
)
def test_nixfmt_agrees_on_text_that_is_too_long_for_its_line(
    tmp_path: Path, path: tuple[str, ...]
) -> None:
    """Where such a text goes depends on its path: on quotes in it, and on its length."""
    words = "mysqldump --single-transaction --routines --databases " + "forum " * 10
    for value in (words, Script.of(Raw("config.services.mysql.package"), f"/bin/{words}")):
        nested: Nix = value
        for key in reversed(path):
            nested = {key: nested}
        assert isinstance(nested, dict)
        assert formatted(tmp_path, [print_file(nested, head="x")]) == []
