"""`homelab`, the argument of hand-written modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from homelab import render
from homelab.nix.code import attributes_in
from homelab.ops.project.stack import check_sources
from homelab.system.arguments import FILE, facts
from homelab.testing import changed
from tests import build
from tests.tools.programs import evaluate

pytestmark = pytest.mark.requirement("S1-32")

OWN = "hosts/nas/own.nix"
HOME = "home/sam.nix"
CHANGES: dict[str, Any] = {
    "site": {"members": {"kim": {"email": "kim@example.org"}}},
    "hosts": {"nas": {"modules": [OWN], "home": HOME}},
    "services": {"forge": {"service": "forgejo", "host": "nas"}, "miniflux": {"host": "pi"}},
}


def files(own: str, home: str = "{ }", more: dict[str, Any] | None = None) -> dict[str, str]:
    """The generated files of nas with these modules of the owner."""
    plan = build.plan(changed(CHANGES, more or {}))
    sources = {**build.sources(plan), OWN: own, HOME: home}
    release = render.render(plan, sources)["nas"]
    return {path: text for path, text in release.files if isinstance(text, str)}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{ homelab, ... }: { a = homelab.domain; }", {("domain",)}),
        ("{ homelab, ... }: { a = homelab.services.x.url; }", {("services", "x", "url")}),
        (
            '{ homelab, ... }: { a = "${homelab.members."a-b".email}"; }',
            {("members", "a-b", "email")},
        ),
        ("{ homelab, ... }: { a = homelab.services.${x}.url; }", {("services",)}),
        ("{ homelab, ... }: { inherit (homelab) lan host; }", {("lan",), ("host",)}),
        ("{ homelab, ... }: { inherit (homelab.hosts) pi; }", {("hosts", "pi")}),
        ("{ homelab, ... }: { a = homelab.services.x.url or null; }", {("services", "x")}),
        ("{ homelab, ... }: { a = f homelab; }", {()}),
        ("{ homelab, ... }: with homelab; { a = domain; }", {()}),
        ("{ homelab, ... }: import ./x.nix { inherit homelab; }", {()}),
        ("{ config, ... }: { a = config.homelab.x; homelab.backup.y = 1; }", set()),
    ],
)
def test_a_module_says_what_it_reads(text: str, paths: set[tuple[str, ...]]) -> None:
    assert attributes_in(text, "homelab") == paths


def test_a_module_gets_what_it_reads_and_nothing_else() -> None:
    """Otherwise every change of the stack would change the host."""
    text = files("{ homelab, ... }: { a = homelab.services.forge.url; b = homelab.owner; }")[FILE]
    assert 'url = "https://forge.home.example.org";' in text
    assert 'user = "sam";' in text
    assert "miniflux" not in text
    assert "lan" not in text
    assert "extraSpecialArgs" not in text


def test_a_change_that_a_module_does_not_read_does_not_change_its_host() -> None:
    own = "{ homelab, ... }: { networking.domain = homelab.domain; }"
    before = files(own)
    after = files(own, more={"services": {"freshrss": {"host": "pi"}}})
    assert before[FILE] == after[FILE]


@pytest.mark.parametrize(
    ("service", "address"), [("forge", "127.0.0.1"), ("miniflux", "192.168.1.2")]
)
def test_the_address_of_a_service_is_the_one_that_this_host_reaches(
    service: str, address: str
) -> None:
    text = files(f"{{ homelab, ... }}: {{ a = homelab.services.{service}.address; }}")[FILE]
    assert f'address = "{address}";' in text


def test_a_module_without_the_argument_has_no_file() -> None:
    assert FILE not in files("{ config, ... }: { networking.domain = config.homelab.x; }")


def test_a_module_of_home_manager_gets_the_argument() -> None:
    made = files("{ }", home="{ homelab, ... }: { a = homelab.members.kim.email; }")
    assert 'extraSpecialArgs.homelab.members.kim.email = "kim@example.org";' in made[FILE]
    assert "_module" not in made[FILE]


def test_a_fact_that_does_not_exist_is_reported_with_the_nearest_one() -> None:
    plan = build.plan(CHANGES)
    own = "{ homelab, ... }: { a = homelab.services.forg.url; b = homelab.lan.cidr; }"
    found = check_sources(plan, {**build.sources(plan), OWN: own})
    (problem,) = [p for p in found if p.check == "own-fact"]
    assert problem.what == f"{OWN} reads homelab.services.forg, which does not exist"
    assert 'did you mean "forge"' in problem.way_out


@pytest.mark.parametrize(
    ("own", "unused"),
    [
        ("{ }", True),
        ("{ homelab, ... }: { a = homelab.devices.thread; }", False),
        ("{ homelab, ... }: { a = homelab.devices; }", False),
        ('{ services.a.port = "/dev/homelab/thread"; }', False),
        ("{ homelab, ... }: { a = homelab.domain; }", True),
    ],
)
def test_a_device_that_a_module_names_is_used(own: str, unused: bool) -> None:
    plan = build.plan(
        changed(CHANGES, {"hosts": {"nas": {"devices": {"thread": {"usb": "10c4:ea60"}}}}})
    )
    found = check_sources(plan, {**build.sources(plan), OWN: own})
    assert ("device-unused" in {p.check for p in found}) is unused


def test_no_secret_is_a_fact() -> None:
    """The file is in the Nix store of the host."""
    plan = build.plan(CHANGES)
    text = str(facts(plan, plan.hosts["nas"]))
    assert all(secret.name not in text for secret in plan.secrets.on("nas"))
    assert "cloudflare" not in text


def test_nix_hands_the_argument_to_the_module(tmp_path: Path) -> None:
    nixpkgs = os.environ.get("HOMELAB_NIXPKGS")
    if not nixpkgs:
        pytest.skip("HOMELAB_NIXPKGS names no nixpkgs")
    own = """{ homelab, lib, ... }: {
      options.got = lib.mkOption { };
      config.got = [ homelab.domain homelab.services.forge.port homelab.hosts.pi.addresses.lan ];
    }"""
    (tmp_path / "arguments.nix").write_text(files(own)[FILE], encoding="utf-8")
    (tmp_path / "own.nix").write_text(own, encoding="utf-8")
    modules = "[ ./own.nix ./arguments.nix { config._module.check = true; } ]"
    got = evaluate(
        f'((import "{nixpkgs}/lib").evalModules {{ modules = {modules}; }}).config.got', tmp_path
    )
    assert got == ["home.example.org", 3000, "192.168.1.2"]
