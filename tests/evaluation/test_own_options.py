"""`homelab why HOST OPTION` names what sets the option, also in a module of the owner."""

from __future__ import annotations

import re

import pytest
import yaml

from homelab import render as renderer
from homelab.evaluation.origin import Origins
from homelab.nix.bindings import bindings
from tests import build

GUIDE = (build.ROOT / "docs/guide/nixos.md").read_text(encoding="utf-8")
OWN = "hosts/nas/own.nix"
SERVER = "services.forgejo.settings.server"


def _example(language: str, word: str) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return found.replace("aurora", "nas")


def _origins(module: str) -> Origins:
    """The guide's service `forge` on nas, and a module of the owner's."""
    forge = yaml.safe_load(_example("yaml", "{$port: web}"))["homelab:services"]["forge"]
    made = build.plan({"services": {"forge": forge}, "hosts": {"nas": {"modules": [OWN]}}})
    files = dict(renderer.render(made, build.sources(made) | {OWN: module})["nas"].files)
    return Origins(made, made.hosts["nas"], files)


def _told(origins: Origins, option: str) -> list[tuple[str, int, str]]:
    return [(o.file, o.first, o.option) for o in origins.of_option(option.split("."))]


def test_an_option_of_the_guides_module_leads_to_its_line() -> None:
    module = _example("nix", "ROOT_URL")
    origins = _origins(module)
    line = next(n for n, text in enumerate(module.splitlines(), 1) if "ROOT_URL" in text)
    (found,) = origins.of_option(f"{SERVER}.ROOT_URL".split("."))
    assert (found.file, found.first, found.last) == (f"own/{OWN}", line, line)
    assert found.place is not None
    assert (found.place.where, found.place.file, found.place.line) == (
        *("hosts.nas.modules[0]", OWN, line),
    )


def test_an_option_that_a_module_overrides_leads_to_both_lines_the_modules_first() -> None:
    own, generated = _told(_origins(_example("nix", "ROOT_URL")), f"{SERVER}.HTTP_PORT")
    assert own == (f"own/{OWN}", 4, f"{SERVER}.HTTP_PORT")
    assert (generated[0], generated[2]) == ("services/forge.nix", f"{SERVER}.HTTP_PORT")


def test_a_key_that_a_block_does_not_have_is_set_by_nothing() -> None:
    origins = _origins(_example("nix", "ROOT_URL"))
    assert _told(origins, f"{SERVER}.NOSUCH") == []
    assert f"{SERVER}.ROOT_URL" in origins.options()


@pytest.mark.parametrize(
    "module",
    [
        "{ lib, config, ... }: { services.forgejo.settings.server = lib.mkForce config.x; }",
        "{ x, ... }: { services.forgejo.settings = import ./x.nix; }",
        "{ name, ... }: { services.forgejo.settings.${name}.NOSUCH = 1; }",
    ],
)
def test_a_value_that_only_nix_knows_may_hold_the_option(module: str) -> None:
    ((file, line, _),) = _told(_origins(module), f"{SERVER}.NOSUCH")
    assert (file, line) == (f"own/{OWN}", 1)


def test_a_name_with_dots_is_found_with_and_without_its_quotes() -> None:
    origins = _origins('{ services.nginx.virtualHosts."a.example.org".root = "/srv"; }')
    for option in (
        ("services", "nginx", "virtualHosts", "a.example.org", "root"),
        ("services", "nginx", "virtualHosts", "a", "example", "org", "root"),
    ):
        assert [o.file for o in origins.of_option(option)] == [f"own/{OWN}"]


def test_no_generated_block_is_named_for_a_key_that_it_lacks() -> None:
    """The kind: of every set in braces of every generated file."""
    made = build.plan(build.TAILNET)
    for host, release in renderer.render(made, build.sources(made)).items():
        files = dict(release.files)
        origins = Origins(made, made.hosts[host], files)
        asked = {
            binding.path[1:] if binding.path[0] == "config" else binding.path
            for module in renderer.modules_of(made, made.hosts[host])
            for binding in bindings(str(files[module.file]))
            if binding.is_set
        }
        assert asked
        for path in asked:
            assert origins.of_option((*path, "no-such-key")) == [], path


@pytest.mark.parametrize(
    ("value", "is_set"),
    [
        ("{ b = 1; }", True),
        ("{ }", True),
        ("derive { b = 1; }", True),
        ("lib.mkIf c (derive { b = 1; })", True),
        ("x // { b = 1; }", False),
        ("builtins.toJSON { b = 1; }", False),
        ("f { b = 1; }", False),
        ("{ inherit b; }", False),
        ("{ inherit (x) b; }", False),
        ("{ ${x} = 1; }", False),
        ("[ ]", False),
        ('"b"', False),
    ],
)
def test_a_set_in_braces_shows_all_its_keys(value: str, is_set: bool) -> None:
    assert bindings(f"{{ a = {value}; }}")[0].is_set is is_set
