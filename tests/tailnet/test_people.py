"""A login in the tailnet's policy that resembles a person of the stack, and is none."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.problems import Problem
from homelab.testing import merged
from tests import build

KIM: dict[str, Any] = {"site": {"members": {"kim": {"email": "kim.berg@example.org"}}}}


def told(**tailnet: object) -> list[Problem]:
    return build.found(merged(build.TAILNET, KIM, {"tailnet": tailnet}), "tailnet-login")


PLACES: dict[str, Any] = {
    "tailnet.owners[0]": {"owners": ["sma@example.org"]},
    "tailnet.family[1]": {"family": ["kim.berg@example.org", "kim.breg@example.org"]},
    "tailnet.grants[0].src[0]": {
        "grants": [{"src": ["kimberg@example.org"], "dst": ["nas"], "ip": ["tcp:80"]}]
    },
    "tailnet.grants[0].dst[0]": {
        "grants": [{"src": ["tag:appliance"], "dst": ["kim.berg@example.og"], "ip": ["tcp:80"]}]
    },
    "tailnet.ssh[0].src[0]": {
        "ssh": [{"src": ["kim.berg@exmaple.org"], "dst": ["tag:appliance"], "users": ["sam"]}]
    },
    "tailnet.node_attributes[0].target[0]": {
        "node_attributes": [{"target": ["kim.bergg@example.org"], "attr": ["mullvad"]}]
    },
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.requirement("S0-24")
def test_a_mistyped_login_is_told_wherever_the_policy_names_people(where: str) -> None:
    (problem,) = told(**PLACES[where])
    assert (problem.where, problem.severity) == (where, "warning")
    meant = "sam@example.org" if "owners" in where else "kim.berg@example.org"
    assert f'did you mean "{meant}"?' in problem.way_out
    assert "site.members" in problem.way_out


@pytest.mark.parametrize(
    "login",
    [
        "kim.berg@example.org",
        "Kim.Berg@Example.org",
        "sam@example.org",
        # Other accounts of people whom the stack knows, and people whom it does not know.
        "kim.berg@gmail.com",
        "kim@example.org",
        "tom@example.org",
        "aunt.ida@example.com",
    ],
)
def test_another_login_is_the_owners_affair(login: str) -> None:
    assert told(family=[login]) == []
