"""A route limited to networks: who reaches it, who does not, and the reason."""

from __future__ import annotations

import pytest

from homelab.plan import Plan
from homelab.reach.plan import plan_reach
from tests import build
from tests.household import Changes, household

HOME: Changes = {
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "a"},
        "client_secret": {"sops": "b"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
    },
    "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
}
WHERE = "services.miniflux.routes[0].sources"


def planned(sources: str) -> Plan:
    routes = [{"name": "news", "sources": sources, "auth": "native"}]
    return build.plan(household(HOME, {"services": {"miniflux": {"host": "pi", "routes": routes}}}))


@pytest.mark.parametrize(
    ("sources", "inside"),
    [
        ("any", {"owner", "family", "lan"}),
        ("internal", {"owner", "family", "lan"}),
        ("lan", {"lan"}),
        ("tailnet", {"owner", "family"}),
    ],
)
@pytest.mark.requirement("S4-12", "S0-56")
def test_a_route_answers_only_the_networks_that_it_names(sources: str, inside: set[str]) -> None:
    """The reason of each answer is the field."""
    for answer in plan_reach(planned(sources)).to("news"):
        if answer.origin.name not in ("owner", "family", "lan", "internet"):
            continue
        assert answer.reachable == (answer.origin.name in inside), answer
        last = answer.why[-1] if answer.reachable else answer.stopped
        said = [r.source for r in (*answer.why, last) if r is not None]
        if answer.origin.name == "internet":
            assert WHERE not in said
        else:
            assert (WHERE in said) == (sources != "any")


@pytest.mark.parametrize("sources", ["internal", "lan", "tailnet"])
@pytest.mark.requirement("S4-12")
def test_the_reason_names_the_networks(sources: str) -> None:
    """Also in a positive answer."""
    reach = plan_reach(planned(sources))
    asker = "lan" if sources == "lan" else "owner"
    (answer,) = [a for a in reach.to("news") if a.origin.name == asker]
    words = [r.what for r in answer.why if r.source == WHERE]
    assert words == [f"the proxy answers news only for sources: {sources}"]
