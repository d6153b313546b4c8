"""Paths of rules as Authelia's expressions, which see the cleaned path and its query together."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.identity.rules import asks_the_query, of_expression, of_path
from homelab.problems import InvalidStackError
from tests import build
from tests.identity.test_rules import found, rule, stack


@pytest.mark.parametrize(
    ("path", "asked", "not_asked"),
    [
        (
            "/admin/*",
            ["/admin", "/admin?x=1", "/admin/", "/admin/x", "/admin/x?y", "/Admin", "/ADMIN/x"],
            ["/", "/adminx", "/x/admin", "/?/admin", "/x?y=/admin/x"],
        ),
        (
            "/admin",
            ["/admin", "/admin?x=1", "/admin/", "/admin/?x", "/Admin"],
            ["/admin/x", "/adminx", "/x?/admin"],
        ),
        ("/a.b", ["/a.b", "/a.b?c"], ["/axb"]),
    ],
)
@pytest.mark.requirement("S1-08")
def test_a_rule_matches_its_path_with_any_query_and_no_other_path(
    path: str, asked: list[str], not_asked: list[str]
) -> None:
    """In every spelling that some app treats as the same path."""
    expression = re.compile(of_path(path, open_=False))
    assert [p for p in asked if not expression.search(p)] == []
    assert [p for p in not_asked if expression.search(p)] == []


@pytest.mark.parametrize(
    ("path", "open_", "shut"),
    [
        ("/feed", ["/feed", "/feed?x"], ["/feed/", "/feed/x", "/FEED", "/feeds", "/x?/feed"]),
        ("/feed/*", ["/feed", "/feed/x", "/feed/x?y"], ["/Feed/x", "/feeds", "/x?/feed/x"]),
    ],
)
@pytest.mark.requirement("S1-08")
def test_an_open_path_matches_only_safe_spellings(
    path: str, open_: list[str], shut: list[str]
) -> None:
    expression = re.compile(of_path(path, open_=True))
    assert [p for p in open_ if not expression.search(p)] == []
    assert [p for p in shut if expression.search(p)] == []


EXPRESSIONS = (
    "^/admin(/.*)?$",
    "^/admin$|^/root$",
    "^/u/[0-9]+/edit$",
    r"^/.*\.css$",
    "^/[^/]+/raw",
    r"^/price\$$",
    "^/[^]]x$",
    "^/[^-]x$",
    r"^/a[$.]b$",
)
PATHS = st.text("/ab0-x]$.?", max_size=6).map(lambda t: "/" + t.replace("?", ""))
KNOWN = ("/admin", "/admin/x", "/root", "/u/7/edit", "/a/raw", "/x.css", "/price$", "/ax", "/a$b")


@given(
    st.sampled_from(EXPRESSIONS), PATHS | st.sampled_from(KNOWN), st.text("/.a?cssedit", max_size=9)
)
@pytest.mark.requirement("S1-08")
def test_no_query_makes_an_expression_match_or_evades_it(said: str, path: str, query: str) -> None:
    """The decision for a path is that of the stated expression."""
    meant = re.search(said, path) is not None
    expression = re.compile(of_expression(said))
    assert (expression.search(path) is not None) is meant
    assert (expression.search(f"{path}?{query}") is not None) is meant


@pytest.mark.parametrize(
    "said", [r"^/\S+$", r"^/x\W", "^/[!-~]+$", "^/[[:^alpha:]]", r"^/[\D]", r"^/a\z", "^/[0-z]"]
)
@pytest.mark.requirement("S1-08")
def test_an_expression_that_can_match_a_query_is_refused(said: str) -> None:
    assert asks_the_query(said)
    assert [m for m in found(stack(rule(40, "deny", resources=[said]))) if "resources" in m]


@pytest.mark.parametrize("said", [r"^/\d+$", "^/[a-z0-9-]+$", r"^/x[/?]", r"^/\w+\.js$"])
@pytest.mark.requirement("S1-08")
def test_an_expression_that_cannot_match_a_query_is_accepted(said: str) -> None:
    assert asks_the_query(said) == ""
    assert found(stack(rule(40, "deny", resources=[said]))) == []


@pytest.mark.parametrize(
    "path", ["admin", "/a*", "/*/x", "/a?b", "/a b", "/a%20b", "/../x", "//x", "/*", "", "/a;b"]
)
@pytest.mark.requirement("S1-08")
def test_a_path_with_special_characters_is_refused(path: str) -> None:
    with pytest.raises(InvalidStackError, match="plain path"):
        build.plan(stack(rule(40, "deny", paths=[path])))


@pytest.mark.parametrize("path", ["/", "/admin", "/admin/", "/a/b.c/d-e/*"])
@pytest.mark.requirement("S1-08")
def test_a_plain_path_is_accepted(path: str) -> None:
    assert found(stack(rule(40, "deny", paths=[path]))) == []


@pytest.mark.requirement("S1-08")
def test_a_rule_below_a_broader_one_is_shadowed() -> None:
    """`rule-shadowed` knows what `/*` covers."""
    rules = (
        rule(40, "deny", paths=["/admin/*"]),
        rule(41, "two_factor", paths=["/admin/users/*", "/admin"]),
        rule(42, "two_factor", paths=["/administration"]),
    )
    assert [m.partition(":")[0] for m in found(stack(*rules))] == ["identity.rules[1]"]
