"""`homelab reach` knows what Cloudflare serves itself, and what the tunnel alone carries."""

from __future__ import annotations

import pytest

from homelab.reach.plan import plan_reach
from homelab.reach.text import as_text
from tests import build
from tests.cloudflare.stack import stack

pytestmark = pytest.mark.requirement("S2-08", "S3-02")

OPEN = {"docs": {"public": "how this homelab is made"}}


def test_a_web_site_has_a_name_and_no_host() -> None:
    reach = plan_reach(build.plan(stack({"pages": {"docs": {}}})))
    text = as_text(reach, reach.to("docs"))
    assert "docs-home.example.org (Cloudflare Pages)\n" in text
    assert "served by Cloudflare" in text
    assert "Cloudflare Access" in text
    assert "Access allows sam@example.org" in as_text(reach, reach.to("docs"), why=True)


def test_an_open_web_site_has_no_gate_and_that_is_said_to_be_meant() -> None:
    changes = stack({"pages": OPEN})
    (answer,) = [a for a in plan_reach(build.plan(changes)).to("docs") if a.origin.name == "lan"]
    assert (answer.path, answer.barriers) == ("edge", ())
    assert build.found(changes, "internet-gate") == []


def test_what_is_not_http_is_reached_by_the_tunnel_from_everywhere() -> None:
    route = {"tunnel_service": "ssh://192.168.1.3:22", "audience": "family", "auth": "native"}
    answers = plan_reach(build.plan(stack(route=route))).to("music")
    assert {(a.origin.name, a.path) for a in answers} == {("lan", "tunnel"), ("internet", "tunnel")}
    assert {a.barriers[0].kind for a in answers} == {"access"}


def test_the_answer_says_whom_access_lets_pass() -> None:
    access = {"groups": {"family": {"domains": ["family.example"]}}, "service_tokens": {"ci": {}}}
    route = {"access_groups": ["family"], "service_tokens": ["ci"]}
    reach = plan_reach(build.plan(stack({"access": access}, route)))
    text = as_text(reach, reach.to("music"), why=True)
    assert "Access allows group family" in text
    assert "Access allows service token ci" in text
