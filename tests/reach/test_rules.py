"""`homelab reach` shows access rules of a route and of its paths."""

from __future__ import annotations

import pytest

from homelab.reach.plan import plan_reach
from tests import build
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S1-08")

ROUTE: Changes = {"name": "music", "auth": "forward", "exempt": []}


def _gates(route: Changes, *rules: Changes) -> list[str]:
    changes = household(
        {
            "identity": {"rules": list(rules)},
            "services": {"navidrome": {"host": "pi", "routes": [route]}},
        }
    )
    found = plan_reach(build.plan(changes)).to("music")
    (answer,) = [a for a in found if a.origin.name == "lan"]
    return [g.what for g in answer.barriers]


def _rule(priority: int, policy: str, **more: object) -> Changes:
    return {"route": "music", "priority": priority, "policy": policy, **more}


@pytest.mark.parametrize(
    ("route", "rules", "gates"),
    [
        (ROUTE, [], ["sign-in (one_factor)"]),
        (
            {**ROUTE, "policy": "two_factor", "groups": ["admins"]},
            [],
            ["sign-in (two_factor, admins)"],
        ),
        (
            ROUTE,
            [_rule(40, "two_factor", resources=["^/admin"], users=["sam"])],
            ["sign-in (one_factor; two_factor, sam for ^/admin)"],
        ),
        (
            {**ROUTE, "exempt": ["/rest/*"]},
            [_rule(3, "bypass", resources=["^/open"])],
            ["sign-in (one_factor), except /rest/* ^/open"],
        ),
        (ROUTE, [_rule(3, "bypass")], []),
        (ROUTE, [_rule(41, "deny", resources=["^/admin"])], ["sign-in (one_factor)"]),
    ],
)
def test_the_sign_in_that_rules_require_is_shown(
    route: Changes, rules: list[Changes], gates: list[str]
) -> None:
    """Open paths and stricter paths are shown, and a rule for the whole route decides."""
    assert _gates(route, *rules) == gates
