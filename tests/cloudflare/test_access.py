"""Who passes Access: members, groups, service tokens, or everybody with a reason."""

from __future__ import annotations

import pytest

from tests import build
from tests.cloudflare.stack import Changes, planned, stack

pytestmark = pytest.mark.requirement("S0-13", "S2-06", "T3")

ACCESS: Changes = {
    "access": {
        "groups": {
            "family": {"emails": ["kim@example.org"], "domains": ["family.example"]},
            "friends": {"emails": ["ann@example.com"]},
        },
        "service_tokens": {"probe": {"host": "nas"}},
    }
}
GATED: Changes = {"audience": "family", "auth": "forward", "exempt": []}
IDENTITY: Changes = {"host": "pi", "users": {"sops": "authelia/users"}}


def gated(**route: object) -> Changes:
    """A route in the tunnel behind our sign-in, with the portal in the tunnel too."""
    changes = stack(route={**GATED, **route}, identity=IDENTITY)
    changes["services"]["authelia"] = {"publish": "tunnel"}
    return changes


def test_names_with_the_same_people_share_one_policy() -> None:
    changes = stack()
    changes["services"]["jellyfin"] = {"host": "nas", "publish": "tunnel"}
    plan = planned(changes)
    assert [p.key for p in plan.policies] == ["members"]
    assert {a.policies for a in plan.apps} == {("members",)}


def test_groups_replace_the_members() -> None:
    plan = planned(stack(ACCESS, {"access_groups": ["friends", "family"]}))
    (policy,) = plan.policies
    assert (policy.decision, policy.groups, policy.emails) == ("allow", ("family", "friends"), ())
    assert [a.policies for a in plan.apps] == [(policy.key,)]
    assert [(g.name, g.emails, g.domains) for g in plan.groups] == [
        ("family", ("kim@example.org",), ("family.example",)),
        ("friends", ("ann@example.com",), ()),
    ]


def test_a_service_token_passes_beside_the_people() -> None:
    plan = planned(stack(ACCESS, {"service_tokens": ["probe"]}))
    assert [(p.key, p.decision, p.tokens) for p in plan.policies] == [
        ("members", "allow", ()),
        ("programs-probe", "non_identity", ("probe",)),
    ]
    assert [a.policies for a in plan.apps] == [("members", "programs-probe")]


def test_only_the_named_host_receives_a_service_token() -> None:
    plan = build.plan(stack(ACCESS))
    (secret,) = [s for s in plan.secrets.secrets if s.service == "access"]
    assert (secret.host, secret.source) == ("nas", "issued")
    assert secret.path == "/run/homelab/secrets/access-probe"


@pytest.mark.requirement("T3")
def test_our_own_sign_in_can_replace_access() -> None:
    """Access, an identity provider, or a reason."""
    changes = gated(access=False)
    assert build.found(changes, "tunnel-requires-access") == []
    assert [a.route for a in planned(changes).apps] == ["auth"]


def test_a_sign_in_with_exempt_paths_does_not_replace_access() -> None:
    (problem,) = build.found(gated(access=False, exempt=["/rest/*"]), "tunnel-requires-access")
    assert "/rest/*" in problem.what


def test_a_sign_in_of_the_app_does_not_replace_access() -> None:
    changes = stack(route={"access": False, "audience": "family", "auth": "native"})
    assert build.found(changes, "tunnel-requires-access")


def test_a_sign_in_that_the_tunnel_bypasses_does_not_replace_access() -> None:
    changes = gated(access=False, tunnel_service="http://127.0.0.1:4533")
    assert build.found(changes, "tunnel-requires-access")


BAD: dict[str, tuple[str, Changes, str]] = {
    "an unknown group": (
        "access-known",
        stack(ACCESS, {"access_groups": ["famliy"]}),
        'knows no group "famliy"',
    ),
    "an unknown token": (
        "access-known",
        stack(route={"service_tokens": ["probe"]}),
        'knows no service token "probe"',
    ),
    "groups without Access": (
        "access-effect",
        stack(ACCESS, {"access_groups": ["family"], "public": "everybody may hear it"}),
        "Access is not in front of it",
    ),
    "groups of an internal name": (
        "access-effect",
        stack(ACCESS, {"access_groups": ["family"], "publish": "internal"}),
        "Access is not in front of it",
    ),
    "an empty group": (
        "access-group-empty",
        stack({"access": {"groups": {"nobody": {}}}}),
        "is empty",
    ),
    "a token for no host": (
        "service-token-host",
        stack({"access": {"service_tokens": {"probe": {"host": "nass"}}}}),
        'no NixOS host "nass"',
    ),
    "a token that ends unheard": ("service-token-expiry", stack(ACCESS), "without a notification"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_policy_for_nobody_or_everybody_is_refused(case: str) -> None:
    check, changes, says = BAD[case]
    (problem,) = build.found(changes, check)
    assert says in problem.what
    assert problem.way_out


@pytest.mark.parametrize("check", sorted({c for c, *_ in BAD.values()}))
def test_a_good_stack_passes(check: str) -> None:
    route = {"access_groups": ["family"], "service_tokens": ["probe"]}
    changes = stack(ACCESS, route, monitoring={"email": "sam@example.org"})
    assert build.found(changes, check) == []


def test_a_token_without_an_end_needs_no_alert() -> None:
    changes = stack({"access": {"service_tokens": {"probe": {"duration": "forever"}}}})
    assert build.found(changes, "service-token-expiry") == []
