"""Access rules: their order follows their priorities, and a rule without effect is refused."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes, household

MINE = {"rule-text", "rule-route", "rule-range", "rule-shadowed", "rule-deny-pair"}


def stack(*rules: Changes, **route: object) -> Changes:
    """The household with music behind sign-in and these additional rules."""
    routes = [{"name": "music", "exempt": [], **route}]
    return household(
        {
            "services": {"navidrome": {"host": "aurora", "routes": routes}},
            "identity": {"rules": list(rules)},
        }
    )


def rule(priority: int, policy: str, **more: object) -> Changes:
    return {"priority": priority, "route": "music", "policy": policy, **more}


def found(changes: Changes) -> list[str]:
    return [str(p) for p in build.problems(changes) if p.check in MINE]


def order(changes: Changes) -> list[tuple[int, str]]:
    made = build.plan(changes).identity
    assert made is not None
    return [(r.priority, r.policy) for r in made.rules]


@pytest.mark.requirement("S1-08")
def test_the_file_is_in_the_order_of_the_priorities() -> None:
    """The lowest priority first, and rules of the stack before rules of routes."""
    changes = stack(
        rule(40, "two_factor", resources=["^/admin"]),
        rule(10, "bypass", resources=["^/feed"]),
        exempt=["/rest/*"],
    )
    assert order(changes) == [
        (10, "bypass"),
        (40, "two_factor"),
        (55, "one_factor"),
    ]
    text = build.render(changes)["pi"]["identity.nix"]
    assert text.index('"^/feed"') < text.index('"^/admin"')
    assert found(changes) == []


@pytest.mark.requirement("S1-07", "S1-08")
def test_a_route_for_a_group_ends_with_a_denial() -> None:
    """A user in no group reaches no rule that is added below."""
    changes = stack(policy="two_factor", groups=["admins"])
    assert order(changes) == [(30, "two_factor"), (31, "deny")]
    text = build.render(changes)["pi"]["identity.nix"]
    assert 'subject = [ "group:admins" ];' in text
    assert found(changes) == []


@pytest.mark.requirement("S1-08")
def test_a_rule_can_name_users() -> None:
    changes = stack(rule(30, "two_factor", users=["kim"], groups=["admins"], resources=["^/x"]))
    assert (
        '"group:admins"\n                "user:kim"' in build.render(changes)["pi"]["identity.nix"]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            stack({"priority": 30, "route": "musik", "policy": "two_factor"}),
            ["identity.rules[0].route", 'no route "musik"', 'did you mean "music"?'],
        ),
        (
            stack(rule(30, "deny", resources=["^/x"], groups=["admin"])),
            ["identity.rules[0].groups", 'no group "admin"', 'did you mean "admins"?'],
        ),
        (
            stack(rule(10, "two_factor", resources=["^/x"])),
            [
                "identity.rules[0].priority",
                "10 is outside the priorities of two_factor",
                "20 to 49, or 65 to 79",
            ],
        ),
        (
            stack(rule(50, "bypass", resources=["^/x"])),
            ["50 is outside the priorities of bypass", "0 to 19, or 65 to 79 for single paths"],
        ),
        (
            stack(rule(70, "two_factor", resources=["^/admin"])),
            [
                "identity.rules[0]",
                "two_factor of music for ^/admin at 70 never applies",
                "one_factor of music at 55 (services.navidrome.routes[0]) decides first",
                "a priority below 55",
            ],
        ),
        (
            stack(rule(25, "two_factor", groups=["admins"])),
            [
                "identity.rules[0]",
                "two_factor of music at 25 is for group:admins",
                "one_factor of music at 55 (services.navidrome.routes[0]) lets in everybody else",
                "policy: deny",
            ],
        ),
    ],
)
@pytest.mark.requirement("S1-08")
def test_a_misleading_rule_is_named(changes: Changes, words: list[str]) -> None:
    messages = found(changes)
    assert len(messages) == 1, messages
    assert all(word in messages[0] for word in words), messages


@pytest.mark.requirement("S1-08")
def test_a_denial_completes_a_strict_rule() -> None:
    """With its denial, the strict rule is effective. The open rule below is without effect,
    which is reported."""
    pair = (rule(25, "two_factor", groups=["admins"]), rule(26, "deny"))
    assert [m for m in found(stack(*pair)) if "identity.rules" in m.partition(":")[0]] == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"policy": "bypass", "priority": 10, "groups": ["admins"], "resources": ["^/x"]},
            "bypass needs no sign-in",
        ),
        ({"resources": ["^/x("]}, "not a regular expression that Authelia accepts"),
        ({"resources": ["^/(?=x)"]}, "not a regular expression that Authelia accepts"),
        ({"resources": ["/api"]}, "/api also matches in the middle of a path, or in its query"),
    ],
)
@pytest.mark.requirement("S1-08")
def test_a_rule_opens_exactly_its_paths(more: Changes, words: str) -> None:
    """Authelia starts with it."""
    given: Changes = {"priority": 40, "route": "music", "policy": "deny", **more}
    assert any(words in m and m.startswith("identity.rules[0]") for m in found(stack(given)))
