"""A homelab without its own resolver: names are at Cloudflare, and the host has an address at
home."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.network.table import route_table
from homelab.plan import Plan
from homelab.reach.plan import plan_reach
from tests import build

pytestmark = pytest.mark.requirement("S3-01", "S3-05", "T8")

ALONE: dict[str, Any] = {
    "site": {"names": {"internal": "{name}-home.{zone}", "public": "{name}-home.{zone}"}},
    "network": {"dns": {"host": None, "server": "none"}},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "a"},
        "client_secret": {"sops": "b"},
        "owners": ["sam@example.org"],
    },
    "hosts": {"pi": {"mdns": True, "interface": "end0"}},
}


def stack(**route: Any) -> dict[str, Any]:
    """An app without its own sign-in, behind Access unless its route sets otherwise."""
    said = {"audience": "family", "auth": "none", "publish": "tunnel", **route}
    return {**ALONE, "services": {"ollama": {"host": "pi", "name": None, "routes": [said]}}}


def gates(plan: Plan, asker: str) -> tuple[str, list[str]]:
    """The paths to the app's name, and the barriers on them."""
    (found,) = [
        a
        for a in plan_reach(plan).to("ollama")
        if a.origin.name == asker and a.target.kind == "route"
    ]
    return found.path, [g.kind for g in found.barriers]


@pytest.mark.parametrize("asker", ["owner", "lan", "internet"])
def test_every_source_reaches_a_name_over_the_internet_and_access(asker: str) -> None:
    assert gates(build.plan(stack()), asker) == ("tunnel", ["access"])


def test_a_name_that_is_equal_at_home_and_outside_is_one_name() -> None:
    (route,) = build.plan(stack()).routes
    assert route.names == ("ollama-home.example.org",)


def test_an_unpublished_name_does_not_resolve() -> None:
    made = build.plan(stack(publish="internal"))
    assert not any(a.reachable for a in plan_reach(made).to("ollama"))


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (stack(), False),
        (stack(publish="internal"), True),
        (stack(public="for all to see"), True),
        ({**stack(), "network": {}}, True),
    ],
    ids=["behind Access", "not published", "without Access", "with a resolver"],
)
@pytest.mark.requirement("S0-13", "T3")
def test_access_counts_as_a_sign_in_if_no_name_bypasses_it(
    changes: dict[str, Any], refused: bool
) -> None:
    """With a resolver, the same name leads to the proxy at home, without a sign-in."""
    found = build.found(changes, "audience-auth")
    assert bool(found) == refused


@pytest.mark.requirement("S0-23")
def test_a_subnet_route_is_not_required_without_names_on_the_lan() -> None:
    assert not build.found(stack(), "subnet-covers-entry")
    assert build.found({**stack(), "network": {}}, "subnet-covers-entry")


@pytest.mark.parametrize(
    ("changes", "local", "alias"),
    [
        (stack(), "", ""),
        (stack(tailnet_direct=True), "", ""),
        (stack(lan_direct=True), "192.168.1.2:11434", "pi.local:11434"),
        (
            {**stack(lan_direct=True), "hosts": {}},
            "192.168.1.2:11434",
            "",
        ),
        (
            {
                **stack(),
                "network": {**ALONE["network"], "entry": {"host": "pi", "local_http": "ollama"}},
            },
            "192.168.1.2:80",
            "pi.local:80",
        ),
    ],
    ids=["name alone", "tailnet", "lan", "without mDNS", "plain HTTP"],
)
@pytest.mark.requirement("S3-02")
def test_the_route_table_shows_names_at_home(
    changes: dict[str, Any], local: str, alias: str
) -> None:
    (row,) = route_table(build.plan(changes))
    assert (row.local, row.alias, row.public) == (local, alias, "ollama-home.example.org")


@pytest.mark.requirement("S2-08")
def test_a_name_of_the_tunnel_only_has_no_path_at_home() -> None:
    (row,) = route_table(build.plan(stack(tunnel_service="ssh://localhost:22", lan_direct=True)))
    assert (row.local, row.alias) == ("", "")
