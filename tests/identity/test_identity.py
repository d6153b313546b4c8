"""Sign-in with Authelia: rules, portals and open routes."""

from __future__ import annotations

import pytest

from homelab.identity.model import IdentityPlan
from tests import build
from tests.household import Changes, household

MUSIC: Changes = {"services": {"navidrome": {"host": "aurora", "name": "music"}}}
OPEN_PORTAL: Changes = {"services": {"authelia": {"publish": "tunnel"}}}


def routed(**route: object) -> Changes:
    return {"services": {"navidrome": {"host": "aurora", "name": None, "routes": [route]}}}


def gate(*changes: Changes) -> IdentityPlan:
    plan = build.plan(household(MUSIC, *changes)).identity
    assert plan is not None
    return plan


def text(*changes: Changes) -> str:
    return build.render(household(MUSIC, *changes))["pi"]["identity.nix"]


def found(check: str, *changes: Changes) -> list[str]:
    return [str(p) for p in build.found(household(*changes), check)]


@pytest.mark.requirement("S0-26")
def test_a_route_behind_sign_in_has_a_rule_and_other_routes_have_none() -> None:
    """Every request that reaches the auth proxy has a rule."""
    rules = [(r.domain, r.policy, r.resources) for r in gate().rules]
    assert rules == [(("music.home.example.org",), "one_factor", ())]


@pytest.mark.requirement("S1-07")
def test_a_rule_names_its_groups_and_its_policy() -> None:
    rendered = text(
        routed(name="music", groups=["admins", "family"], policy="two_factor", exempt=[])
    )
    assert (
        """\
          default_policy = "deny";
          rules = [
            {
              domain = [ "music.home.example.org" ];
              policy = "two_factor";
              subject = [
                "group:admins"
                "group:family"
              ];
            }
            {
              domain = [ "music.home.example.org" ];
              policy = "deny";
            }
          ];
"""
        in rendered
    )


@pytest.mark.requirement("S0-26", "S0-28")
def test_the_configuration_contains_no_secret_and_no_legacy_endpoint() -> None:
    rendered = text()
    assert 'jwtSecretFile = "/run/homelab/secrets/authelia-jwt";' in rendered
    assert (
        'storageEncryptionKeyFile = "/run/homelab/secrets/authelia-storage-encryption";' in rendered
    )
    assert 'path = "/run/secrets/authelia-users";' in rendered
    whole = "".join(t for t in build.render(household(MUSIC))["pi"].values() if isinstance(t, str))
    assert "/api/verify" not in whole
    assert gate().query("music.home.example.org") == ""


@pytest.mark.requirement("S0-28")
def test_authelia_starts_without_a_route_behind_sign_in() -> None:
    """Authelia refuses the default policy `deny` without a rule."""
    rendered = text({"services": {"navidrome": None}})
    assert 'access_control.default_policy = "two_factor";' in rendered


PUBLIC: Changes = {"services": {"navidrome": {"publish": "tunnel"}}}


@pytest.mark.requirement("S0-28")
def test_names_on_the_internet_have_their_own_session_and_portal() -> None:
    """The narrower domain is first, as Authelia requires, and cookies have different names."""
    plan = gate(PUBLIC, OPEN_PORTAL)
    assert plan.cookies == (
        ("home.example.org", "https://auth.home.example.org"),
        ("example.org", "https://auth-home.example.org"),
    )
    assert plan.rules[-1].domain == ("music.home.example.org", "music-home.example.org")
    assert {plan.query(name) for name in plan.rules[-1].domain} == {""}
    assert text(PUBLIC, OPEN_PORTAL).count('name = "authelia_session_public";') == 1
    assert "authelia_session_public" not in text()


@pytest.mark.requirement("S0-26")
def test_with_one_domain_the_request_selects_the_portal() -> None:
    """A visitor from the internet cannot reach a portal that exists only at home."""
    flat: Changes = {"site": {"names": {"internal": "{name}.example.org"}}}
    plan = gate(flat, PUBLIC, OPEN_PORTAL)
    assert plan.cookies == (("example.org", "https://auth.example.org"),)
    there = "?authelia_url=https://auth-home.example.org"
    assert plan.query("music.example.org") == ""
    assert plan.query("music-home.example.org") == there
    proxy = build.render(household(MUSIC, flat, PUBLIC, OPEN_PORTAL))["pi"]["proxy.nix"]
    assert proxy.count("uri /api/authz/forward-auth\n") == 1
    assert proxy.count(f"uri /api/authz/forward-auth{there}\n") == 1


@pytest.mark.parametrize(
    ("check", "changes", "words"),
    [
        (
            "route-idp-present",
            {"identity": None},
            ["services.navidrome.auth", "there is no identity provider", "homelab:identity"],
        ),
        (
            "route-idp-present",
            {"identity": {"host": "aurora"}},
            ["identity.host", "the auth proxy is on aurora", "on pi"],
        ),
        ("host-known", {"identity": {"host": "pia"}}, ['did you mean "pi"?']),
        (
            "portal-reachable",
            {"services": {"navidrome": {"publish": "tunnel"}}},
            ["music-home.example.org needs a sign-in", "services.authelia: {publish: tunnel}"],
        ),
        (
            "cookie-domain",
            {"site": {"names": {"internal": "{name}.lan"}}},
            ['would be for "lan"', "a domain with a dot"],
        ),
        (
            "group-known",
            routed(name="music", groups=["famly"]),
            ["services.navidrome.routes[0].groups", 'did you mean "family"?'],
        ),
        (
            "audience-auth",
            {"services": {"navidrome": {"auth": "none"}}},
            ["services.navidrome.auth", "nothing asks for a sign-in", "auth: forward"],
        ),
        (
            "audience-auth",
            {"services": {"navidrome": {"audience": "operator", "publish": "tunnel"}}},
            ["services.navidrome.publish", "for the operator", "publish: internal"],
        ),
        (
            "admin-two-factor",
            {"services": {"navidrome": {"audience": "operator", "auth": "forward"}}},
            ["services.navidrome.policy", "policy: two_factor"],
        ),
        (
            "session-bounds",
            {"identity": {"session": {"inactivity": "2d"}}},
            ["identity.session.inactivity", "inactivity (2d) is longer than expiration (12h)"],
        ),
    ],
)
@pytest.mark.requirement("S0-11", "S0-13", "S0-26", "S0-28", "S1-07")
def test_a_gap_in_sign_in_is_named(check: str, changes: Changes, words: list[str]) -> None:
    messages = "\n".join(found(check, MUSIC, changes))
    assert all(word in messages for word in words), messages


@pytest.mark.requirement("S0-11", "S0-13", "S0-26", "S0-28", "S1-07")
def test_a_complete_sign_in_passes_every_check() -> None:
    problems = build.problems(household(MUSIC, PUBLIC, OPEN_PORTAL))
    mine = {
        "route-idp-present",
        "portal-reachable",
        "cookie-domain",
        "group-known",
        "audience-auth",
        "admin-two-factor",
        "session-bounds",
    }
    assert [str(p) for p in problems if p.check in mine] == []
