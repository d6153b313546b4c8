"""The option test itself, and every option of the catalog and of the home stack."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from homelab.nix import Attrs, Call, Force, Lines, Module, Nix, Path, Pkg, Raw, Text, attrs, lines
from homelab.render import modules_of
from homelab.services import nixos
from tests import build
from tests.household import Changes, household
from tests.identity.test_directory import CHANGES as DIRECTORY
from tests.identity.test_oidc import NEWS as OIDC
from tests.identity.test_pocket_id import PASSKEYS
from tests.tools.newer_options import NEWER
from tests.tools.nixtypes import fits
from tests.tools.options import LINES as LINES_TYPE
from tests.tools.options import Node, check_module, data_file, listed, require_options, tree
from tests.tools.walk import walk

LINES = "strings concatenated with “\\n”"
OPTIONS = tree(
    {
        "services.app.enable": "boolean",
        "services.app.port": "16 bit unsigned integer; between 0 and 65535 (both inclusive)",
        "services.app.settings": "null or (JSON value)",
        "services.app.settings.web.port": "signed integer",
        "services.app.environment": "attribute set of string",
        "services.app.sites": "attribute set of (submodule)",
        "services.app.sites._name_.root": "path",
        "services.app.users": "list of (submodule)",
        "services.app.users._.name": "string",
    }
)
PORT = "16 bit unsigned integer; between 0 and 65535 (both inclusive)"


def _found(path: str, value: Nix) -> list[str]:
    return check_module(Module("x.nix", "", derived=attrs(path, value)), OPTIONS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services.app.enable", True),
        ("services.app.enable", Force(True)),
        ("services.app.enable", Raw("config.x")),
        ("services.app.settings", None),
        ("services.app.settings.anything.at.all", [1, {"a": None}]),
        ("services.app.settings.web", {"port": 80, "address": "::"}),
        ("services.app.environment.HOME", "/var/empty"),
        ('services.app.sites."a.example.org".root', "/srv"),
        ("services.app.users", [{"name": "sam"}]),
        ("services.app", {"enable": True, "port": 80}),
    ],
)
def test_an_option_that_exists_and_fits_is_no_problem(path: str, value: Nix) -> None:
    """Placeholders, lists of submodules and free settings are followed."""
    assert _found(path, value) == []


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("services.app.enabled", True, "services.app.enabled"),
        ("services.application.enable", True, "services.application"),
        ("services.app.sites.a.rot", "/srv", "services.app.sites.a.rot"),
        ("services.app.users", [{"nam": "sam"}], "services.app.users.0.nam"),
    ],
)
def test_an_option_that_does_not_exist_is_named(path: str, value: Nix, name: str) -> None:
    """A misspelled option is found without Nix."""
    assert _found(path, value) == [f"x.nix: {name} is no option"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services.app.enable", "yes"),
        ("services.app.port", 70000),
        ("services.app.port", True),
        ("services.app.settings.web.port", "80"),
        ("services.app.environment.PORT", 80),
        ("services.app.sites.a.root", "srv"),
        ("services.app.users", {"name": "sam"}),
    ],
)
def test_a_value_of_another_kind_is_named_with_what_it_should_be(path: str, value: Nix) -> None:
    """The message gives the type as the manual writes it."""
    (problem,) = _found(path, value)
    assert " takes " in problem


def test_only_a_flake_of_the_owner_may_have_unlisted_options() -> None:
    """Its own options are ignored; those of nixpkgs are tested."""
    derived: Attrs = {"services": {"unknown": {"enable": True}, "app": {"port": "80"}}}
    module = Module("x.nix", "", derived=derived, flakes=(("own", "nixosModules.default"),))
    assert len(check_module(module, OPTIONS)) == 1


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("null or boolean", None, 0),
        ("signed integer", -1, 1.0),
        ("unsigned integer, meaning &gt;=0", 0, -1),
        ("positive integer, meaning &gt;0", 1, 0),
        (PORT, 443, 65536),
        ("floating point number", 0.5, "0.5"),
        ("string", "a", Pkg("a")),
        ("string", Text.of("a"), ["a"]),
        ("strings concatenated with “\\n”", Lines("a\n"), 1),
        ("(optionally newline-terminated) single-line string", "a", None),
        ("null or path", "/a", "a"),
        ("path", Path("a.yaml"), True),
        ("package", Pkg("hello"), "hello"),
        ("list of package", [Pkg("hello")], ["hello"]),
        ("list of (string or path)", ["a", Path("a")], [1]),
        ("null or (list of string)", [], [1]),
        ("non-empty (list of string)", ["a"], []),
        ("string or list of string", ["a"], 1),
        ("one of “a”, “b”", "a", "c"),
        ("null or one of false, “rocm”, “cuda”", False, True),
        ("signed integer or value “auto” (singular enum)", "auto", "all"),
        ("attribute set of (string or signed integer)", {"a": 1}, {"a": None}),
        ("attribute set of attribute set of string", {"a": {"b": "c"}}, {"a": "b"}),
        ("attribute set of (submodule)", {"a": {}}, {"a": 1}),
        ("path, not containing newlines or colons", "/a", 1),
        ("(list of path) or path convertible to it", "/a", "a"),
        ("boolean or one of “strict”, “loose”", "loose", "lose"),
    ],
)
def test_types_are_read_as_the_manual_writes_them(type_: str, good: Nix, bad: Nix) -> None:
    """One value that fits and one that does not, for each kind of type."""
    assert fits(type_, good)
    assert not fits(type_, bad)


def test_an_expression_may_be_of_any_type() -> None:
    """Expressions are not tested."""
    assert fits("boolean", Call("lib.mkIf", (Raw("x"), True)))


def test_unlisted_lines_options_are_found() -> None:
    """A derived text with lower priority than an own line would be dropped. Each such option is
    listed."""
    root = tree({"services.app.extraRules": LINES, "services.app.text": f"null or {LINES}"})
    module = Module("x.nix", "", derived=attrs("services.app.extraRules", "a\n"))
    (problem,) = check_module(module, root)
    assert "services.app.extraRules takes lines" in problem
    said = Module("x.nix", "", stated=attrs("services.app.text", "a\n"))
    assert check_module(said, root) == []


@pytest.mark.parametrize("known", [*lines.AFTER, *lines.BEFORE, *lines.WHOLE])
def test_every_listed_option_has_type_lines(known: str) -> None:
    node: Node | None = require_options()
    for key in known.split("."):
        node = node.child("_name_" if key == "*" else key) if node else None
    assert node is not None
    assert LINES_TYPE.fullmatch(node.type or "")


def test_an_option_known_to_the_data_is_not_listed_as_newer() -> None:
    """The list of newer options contains nothing that the data has, and a source for each."""
    require_options()
    assert not set(NEWER) & set(listed(data_file()))
    assert all(o.source and o.release and o.type for o in NEWER.values())


@pytest.mark.requirement("S0-71")
def test_what_the_catalog_says_of_newer_options_is_what_the_list_says() -> None:
    """One release per option."""
    said = {p: r for e in ENTRIES.values() for p, r in e.added.items()}
    assert {p: NEWER[p].release for p in said if p in NEWER} == said


GPU: dict[str, dict[str, object]] = {
    "amd": {"vendor": "amd"},
    "intel": {"vendor": "intel"},
    "nvidia": {"vendor": "nvidia", "open": True},
}


@pytest.mark.parametrize("gpu", [None, "amd", "intel", "nvidia"])
@walk("name", [n for n, e in ENTRIES.items() if not e.infrastructure])
def test_every_option_of_a_catalog_entry_exists_with_that_type(name: str, gpu: str | None) -> None:
    """Filled in for a host, with and without graphics hardware and datasets."""
    options = require_options()
    datasets = {part: f"all-{part}" for part in ENTRIES[name].datasets}
    changes = {
        "nixpkgs": {"default": {"release": max("25.11", ENTRIES[name].since)}},
        "hosts": {"nas": {"gpu": GPU.get(gpu or "")}},
        "services": {name: {"host": "nas", "gpu": gpu, "datasets": datasets}},
        "datasets": {
            d: {"host": "nas", "path": f"/mnt/{d}", "tier": "user"} for d in datasets.values()
        },
    }
    plan = build.plan(changes)
    made = list(nixos.modules(plan, plan.hosts["nas"]))
    assert made
    assert [p for m in made for p in check_module(m, options)] == []


def test_every_option_of_the_home_stack_exists_with_that_type() -> None:
    """Every module of every NixOS host, whichever package it comes from."""
    options = require_options()
    stack = build.SHIPPED / "Pulumi.home.yaml"
    made = build.modules(stack)
    # home-manager's options are not NixOS options.
    hosts = [h for h, modules in made.items() if any(m.file == "host.nix" for m in modules)]
    assert hosts
    assert [p for h in hosts for m in made[h] for p in check_module(m, options)] == []


@pytest.mark.parametrize(
    "changes",
    [DIRECTORY, PASSKEYS, OIDC],
    ids=["authelia-openldap", "pocket-id", "oidc"],
)
@pytest.mark.requirement("S0-27", "S1-06", "S4-16")
def test_every_option_of_a_sign_in_exists_with_that_type(changes: Changes) -> None:
    """Every module of the host with the portal."""
    options = require_options()
    plan = build.plan(household(changes))
    made = modules_of(plan, plan.hosts["pi"])
    assert [p for m in made for p in check_module(m, options)] == []
