"""Values of the site are written once: modules and options that repeat them are reported."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.ops.project.stack import check_sources
from homelab.problems import Problem
from tests import build

pytestmark = pytest.mark.requirement("S1-32")
OWN, HOME = "hosts/nas/own.nix", "home/sam.nix"
CHANGES: dict[str, Any] = {"hosts": {"nas": {"modules": [OWN], "home": HOME}}}


def literals(own: str, home: str = "{ }") -> list[Problem]:
    plan = build.plan(CHANGES)
    found = check_sources(plan, {**build.sources(plan), OWN: own, HOME: home})
    return [p for p in found if p.check == "site-literal"]


@pytest.mark.parametrize(
    ("own", "line", "value", "severity"),
    [
        ('{ ... }:\n{ a = "https://x.home.example.org/y"; }', 2, "site.domain", "error"),
        (
            "{ ... }:\n{\n  a = ''\n    one\n    home.example.org\n  '';\n}",
            5,
            "site.domain",
            "error",
        ),
        ('{ lib, ... }: { a = "${lib.x}.home.example.org"; }', 1, "site.domain", "error"),
        ('{ ... }: { a = "sam@example.org"; }', 1, "site.owner.email", "warning"),
        ('{ ... }: { a = "192.168.1.0/24"; }', 1, "network.lan.cidr", "warning"),
    ],
)
def test_a_repeated_value_is_reported_with_file_and_line(
    own: str, line: int, value: str, severity: str
) -> None:
    (problem,) = literals(own)
    assert problem.where == "hosts.nas"
    assert problem.what == f"{OWN}:{line}: this text repeats {value}"
    assert problem.severity == severity
    assert "homelab." in problem.way_out


@pytest.mark.parametrize(
    "own",
    [
        "{ homelab, ... }: { a = homelab.domain; }",
        "{ ... }: { a = 1; } # home.example.org",
        '{ ... }: { a = "home.example.org.uk"; b = "my-home.example.org"; }',
        '{ ... }: { a = "myhome.example.org"; }',
        '{ ... }: { a = "192.168.1.0/241"; }',
    ],
)
def test_other_names_and_comments_are_not_reported(own: str) -> None:
    assert literals(own) == []


def test_a_home_may_have_the_address_of_its_person_but_not_the_domain() -> None:
    assert literals("{ }", '{ ... }: { programs.git.userEmail = "sam@example.org"; }') == []
    (problem,) = literals("{ }", '{ ... }: { a = "vault.home.example.org"; }')
    assert problem.what == f"{HOME}:1: this text repeats site.domain"


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        ("https://news.home.example.org", True),
        ({"a": ["x.home.example.org"]}, True),
        ({"$text": "https://news.{domain}"}, False),
        ("https://news.example.org", False),
    ],
)
def test_an_option_that_repeats_the_domain_is_reported(value: object, reported: bool) -> None:
    options = {"services.miniflux.config.BASE_URL": value}
    found = build.found(
        {"services": {"miniflux": {"host": "nas", "options": options}}}, "option-literal"
    )
    places = ["services.miniflux.options.services.miniflux.config.BASE_URL"]
    assert [p.where for p in found] == (places if reported else [])
