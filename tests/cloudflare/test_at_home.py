"""Where a published name leads at home, and which sign-in that requires."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from homelab.checks import all_checks
from homelab.proxy.plan import plan_proxy
from homelab.proxy.registry import PROXIES
from homelab.reach.plan import plan_reach
from homelab.testing import merged
from tests import build
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S0-13", "S0-14", "S2-06", "S3-01", "T3")

ONE_NAME: Changes = {"site": {"names": {"internal": "{name}-home.{zone}"}}}
ALONE: Changes = {"network": {"dns": {"host": None, "server": "none"}}}
NAME = "ai-home.example.org"


def stack(*changes: Changes, host: str = "pi", **route: Any) -> Changes:
    """An app without its own sign-in, published behind Access."""
    said = {"name": "ai", "audience": "family", "auth": "none", "publish": "tunnel", **route}
    services = {"authelia": {"publish": "tunnel"}, "ollama": {"host": host, "routes": [said]}}
    return merged(household({"services": services}), *changes)


def gates(changes: Changes, asker: str) -> tuple[str, list[str]]:
    """The paths to the name, and the barriers on them."""
    answers = plan_reach(build.plan(changes)).to("ai")
    (found,) = [a for a in answers if a.origin.name == asker]
    return found.path, [g.kind for g in found.barriers]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_name_that_only_access_protects_is_not_served_at_home(proxy: str) -> None:
    """Otherwise a client that knows the entry host's address would reach the app without a
    sign-in."""
    entry = {"network": {"entry": {"host": "pi", "proxy": proxy}}}
    through_proxy = stack(ONE_NAME, ALONE, entry)
    made = build.plan(through_proxy)
    listeners = plan_proxy(made.stack, made.routes, made.identity, made.certificates).virtual_hosts
    assert [s.is_tunnel for s in listeners if NAME in dict(s.routes)] == [True]
    assert build.found(through_proxy, "audience-auth") == []

    straight = stack(ONE_NAME, ALONE, entry, {"cloudflare": {"tunnel": {"via": "direct"}}})
    files = build.render(straight)["pi"]
    assert NAME not in files["proxy.nix"]
    assert NAME in files["tunnel.nix"]


def test_a_separate_name_at_home_needs_a_sign_in_there() -> None:
    """Another resolver may know the name, and the proxy serves it."""
    (problem,) = build.found(stack(ALONE), "audience-auth")
    assert problem.where == "services.ollama.routes[0].auth"
    assert problem.what.startswith("ai.home.example.org is for the family")


def test_a_resolver_leads_the_one_name_to_the_proxy_at_home() -> None:
    """Access is then not on the path, and the proxy's sign-in applies."""
    assert gates(stack(ONE_NAME), "lan") == ("lan", [])
    assert build.found(stack(ONE_NAME), "audience-auth")
    asked = stack(ONE_NAME, auth="forward")
    assert gates(asked, "lan") == ("lan", ["forward"])
    assert gates(asked, "internet") == ("tunnel", ["access", "forward"])
    assert build.found(asked, "audience-auth") == []


@pytest.mark.requirement("S0-26")
def test_the_portal_keeps_its_name_if_only_the_tunnel_leads_to_it() -> None:
    identity = build.plan(stack(ONE_NAME, ALONE, auth="forward")).identity
    assert identity is not None
    assert identity.portal == identity.public_portal == "auth-home.example.org"
    assert identity.cookies == (("example.org", "https://auth-home.example.org"),)


@pytest.mark.parametrize("network", [{}, ALONE])
@pytest.mark.requirement("S0-27")
def test_no_app_is_sent_to_a_portal_that_does_not_answer(network: Changes) -> None:
    """The portal is at the proxy's address only if the proxy serves its name."""
    news = {"miniflux": {"host": "aurora", "auth": "oidc", "publish": "tunnel"}}
    files = build.render(stack(ONE_NAME, network, {"services": news}))["aurora"]
    assert ("portal.nix" in files) == (not network)


AUDIENCES = ("operator", "family", "public")
AUTHS = ("native", "forward", "none")
RULES = ("audience-auth", "tunnel-requires-access", "internet-gate", "direct-address")


def refused(audience: str, publish: str, auth: str, front: str, *, alone: bool) -> set[str]:
    """The guide's table: who may open a name from where, and which sign-in applies."""
    if publish == "direct":
        out = {"direct-address"}
    elif publish == "tunnel":
        out = {"audience-auth"} if audience == "operator" else set()
        if front == "none" and auth != "forward":
            out |= {"tunnel-requires-access"}
    else:
        out = set()
    behind_access = alone and publish == "tunnel" and front == "access"
    if audience == "family" and auth == "none" and not behind_access:
        out |= {"audience-auth"}
    return out


@pytest.mark.parametrize(
    ("audience", "publish", "auth", "front", "alone"),
    [
        *product(AUDIENCES, ["tunnel"], AUTHS, ["access", "none", "public"], [False, True]),
        *product(AUDIENCES, ["internal", "direct"], AUTHS, ["access"], [False]),
    ],
)
@pytest.mark.requirement("T3", "S0-13", "S0-14")
def test_the_allowed_combinations_are_those_of_the_table(
    audience: str, publish: str, auth: str, front: str, alone: bool
) -> None:
    """The table is in the guide under Who may pass."""
    fields: dict[str, Any] = {"audience": audience, "publish": publish, "auth": auth, "exempt": []}
    if front == "none":
        fields["access"] = False
    if front == "public":
        fields["public"] = "for all to see"
    changes = stack(ONE_NAME, ALONE if alone else {}, **fields)
    plan = build.plan(changes)
    rules = [c for c in all_checks() if c.id in RULES]
    found = {c.id for c in rules for p in c.rule(plan) if p.where.startswith("services.ollama")}
    assert found == refused(audience, publish, auth, front, alone=alone)


@pytest.mark.parametrize("section", [{}, {"authelia": {"monitor": {"interval": "5m"}}}])
@pytest.mark.requirement("S0-61")
def test_a_problem_of_the_portals_route_is_at_a_place_that_exists(section: Changes) -> None:
    """The place is the service's own section, or the section that places the service."""
    changes = household({"site": {"exposure": "internal-only", "publish": "tunnel"}})
    changes["services"] = section
    (problem,) = [p for p in build.found(changes, "no-public-record") if "auth" in p.what]
    assert problem.where == ("services.authelia.publish" if section else "identity")


@pytest.mark.requirement("S0-61")
def test_a_route_of_an_implied_service_is_where_it_was_written() -> None:
    changes = household({"services": {"authelia": {"routes": [{"name": "auth", "port": "wbe"}]}}})
    (problem,) = build.found(changes, "route-port")
    assert problem.where == "services.authelia.routes[0].port"
    (route,) = build.plan(changes).routes
    assert route.source == "services.authelia.routes[0]"
