"""Fields of a route about sign-in are enforced or refused."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes


def stack(service: str, *rules: Changes, **route: object) -> Changes:
    """A service with one route, and rules for it."""
    identity = {"host": "pi", "users": {"sops": "authelia/users"}, "rules": [*rules]}
    return {
        "identity": identity,
        "services": {service: {"host": "nas", "routes": [{"name": "it", **route}]}},
    }


@pytest.mark.parametrize(
    ("service", "route", "says"),
    [
        ("uptime-kuma", {"audience": "family", "groups": ["admins"]}, "groups"),
        ("immich", {"audience": "family", "groups": ["admins"]}, "groups"),
        ("vaultwarden", {"policy": "two_factor", "groups": ["admins"]}, "groups and policy"),
        ("navidrome", {"auth": "none", "audience": "operator", "policy": "two_factor"}, "policy"),
        ("navidrome", {"auth": "none", "audience": "public", "groups": ["admins"]}, "groups"),
        ("navidrome", {"auth": "native", "exempt": ["/x"]}, "exempt"),
        ("miniflux", {"auth": "oidc", "audience": "family", "exempt": ["/x"]}, "exempt"),
    ],
)
def test_a_sign_in_field_without_effect_is_refused(service: str, route: Changes, says: str) -> None:
    (problem,) = build.found(stack(service, **route), "sign-in-effect")
    assert f"it.home.example.org says {says}, and " in problem.what
    assert problem.where == f"services.{service}.routes[0].{says.split(maxsplit=1)[0]}"


@pytest.mark.parametrize(
    ("service", "route"),
    [
        ("navidrome", {"auth": "forward", "groups": ["admins"], "policy": "two_factor"}),
        ("miniflux", {"auth": "oidc", "groups": ["admins"], "policy": "two_factor"}),
        ("navidrome", {"auth": "native", "groups": [], "exempt": []}),
    ],
)
def test_a_sign_in_field_that_the_portal_enforces_passes(service: str, route: Changes) -> None:
    assert not build.found(stack(service, audience="family", **route), "sign-in-effect")


EVERY: tuple[Changes, ...] = (
    {},
    {"resources": ["^/"]},
    {"resources": ["^/.*$"]},
    {"resources": ["^/$", "^/[^x]"]},
    {"resources": ["^/."], "paths": ["/"]},
)


@pytest.mark.parametrize("about", EVERY, ids=str)
def test_a_rule_that_opens_every_path_behind_sign_in_is_refused(about: Changes) -> None:
    rule = {"priority": 1, "route": "it", "policy": "bypass", **about}
    changes = stack("navidrome", rule, audience="family", exempt=[])
    (problem,) = build.found(changes, "sign-in-opened")
    assert problem.where == "identity.rules[0]"


def test_exempt_paths_and_a_rule_that_open_all_together_are_refused() -> None:
    rule = {"priority": 1, "route": "it", "policy": "bypass", "resources": ["^/."]}
    changes = stack("navidrome", rule, audience="family", exempt=["/"])
    places = [p.where for p in build.found(changes, "sign-in-opened")]
    assert places == ["identity.rules[0]", "services.navidrome.routes[0].exempt"]


@pytest.mark.parametrize(
    "about", [{"paths": ["/rest/*"]}, {"resources": ["^/share/[a-z]+$"]}], ids=str
)
def test_a_rule_that_opens_some_paths_is_accepted(about: Changes) -> None:
    rule = {"priority": 1, "route": "it", "policy": "bypass", **about}
    assert not build.found(stack("navidrome", rule, audience="family", exempt=[]), "sign-in-opened")


def test_a_rule_of_lower_priority_opens_nothing() -> None:
    rule = {"priority": 70, "route": "it", "policy": "bypass", "resources": ["^/"]}
    changes = stack("navidrome", rule, audience="family", exempt=[])
    assert not build.found(changes, "sign-in-opened")
