"""`homelab reach` shows Pages sites and names that only the tunnel serves."""

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


def test_an_open_web_site_is_shown_as_intended() -> None:
    changes = stack({"pages": OPEN})
    (answer,) = [a for a in plan_reach(build.plan(changes)).to("docs") if a.origin.name == "lan"]
    assert (answer.path, answer.barriers) == ("edge", ())
    assert build.found(changes, "internet-gate") == []


def test_a_service_without_http_is_reached_through_the_tunnel_from_everywhere() -> None:
    route = {"tunnel_service": "ssh://192.168.1.3:22", "audience": "family", "auth": "native"}
    answers = plan_reach(build.plan(stack(route=route))).to("music")
    assert {(a.origin.name, a.path) for a in answers} == {("lan", "tunnel"), ("internet", "tunnel")}
    assert {a.barriers[0].kind for a in answers} == {"access"}


def test_the_answer_names_whom_access_admits() -> None:
    access = {"groups": {"family": {"domains": ["family.example"]}}, "service_tokens": {"ci": {}}}
    route = {"access_groups": ["family"], "service_tokens": ["ci"]}
    reach = plan_reach(build.plan(stack({"access": access}, route)))
    text = as_text(reach, reach.to("music"), why=True)
    assert "Access allows group family" in text
    assert "Access allows service token ci" in text
