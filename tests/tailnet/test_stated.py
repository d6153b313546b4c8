"""Tests of the policy that the stack states: in the policy, and evaluated before Tailscale does."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.lab.provider import RefusedError
from homelab.lab.standins.tailscale_policy import refuse_policy
from homelab.problems import InvalidStackError
from homelab.tailnet.policy import policy, policy_text
from tests import build
from tests.tailnet.test_tailnet import AGENT, CHILD, OWNER, stack, tailnet

MUSIC = {"services": {"navidrome": {"host": "nas"}}}


def failing(*tests: dict[str, Any], **more: Any) -> list[str]:
    found = build.found(stack(tailnet={"tests": [*tests]}, **more), "acl-test")
    return [f"{p.where}: {p.what}" for p in found]


@pytest.mark.requirement("S0-24")
def test_they_join_the_tests_of_homelab() -> None:
    stated = {"src": CHILD, "accept": ["pi:443"], "deny": ["nas:22"], "proto": "tcp"}
    tests = policy(tailnet(tailnet={"tests": [stated]}))["tests"]
    without = policy(tailnet())["tests"]
    assert isinstance(tests, list)
    assert isinstance(without, list)
    assert tests == [*without, stated]
    assert failing(stated) == []


@pytest.mark.requirement("S0-24")
def test_what_must_be_open_and_is_not() -> None:
    (said,) = failing({"src": CHILD, "accept": ["pi:443", "nas:4533"]}, **MUSIC)
    assert (
        said
        == "tailnet.tests[0].accept[1]: kim@example.org cannot reach nas:4533: no grant opens it"
    )
    assert failing({"src": CHILD, "accept": ["pi:53"], "proto": "udp"}) == []
    assert failing({"src": CHILD, "accept": ["pi:443"], "proto": "udp"})


@pytest.mark.requirement("S0-24")
@pytest.mark.parametrize(
    ("src", "dst", "pair"),
    [
        ("pi", "nas", "pi can reach nas"),
        ("tag:appliance", "nas", "pi can reach nas"),
        ("pi", "tag:workhorse", "pi can reach nas"),
        ("tag:appliance", "tag:workhorse", "pi can reach nas"),
        (OWNER, "nas", "sam@example.org can reach nas"),
        ("group:owners", "tag:workhorse", "group:owners can reach tag:workhorse"),
    ],
)
def test_what_must_be_shut_and_is_not_also_for_one_of_a_tag(src: str, dst: str, pair: str) -> None:
    """A derived grant names the host; a test of its tag is about each host."""
    (said,) = failing({"src": src, "deny": [f"{dst}:4533"]}, **MUSIC)
    assert said.startswith(f"tailnet.tests[0].deny[0]: {pair}:4533, because of ")
    assert failing({"src": "tag:agent", "deny": [f"{dst}:4533"]}, **MUSIC, **AGENT) == []


def test_a_test_of_a_group_is_about_its_members() -> None:
    opened = {"tailnet": {"grants": [{"src": [CHILD], "dst": ["nas"], "ip": ["tcp:80"]}]}}
    test = {"src": "group:family", "deny": ["nas:80"]}
    found = build.found(stack(tailnet={**opened["tailnet"], "tests": [test]}), "acl-test")
    assert [p.what for p in found] == [f"{CHILD} can reach nas:80, because of tailnet.grants[0]"]


def test_a_failing_test_is_no_lockout() -> None:
    """It is said once, at the test."""
    broken = stack(tailnet={"tests": [{"src": CHILD, "deny": ["pi:443"]}]})
    assert build.found(broken, "acl-lockout") == []
    assert len(build.found(broken, "acl-test")) == 1


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ({"src": "tag:agnt", "deny": ["nas:22"]}, "tailnet.tests[0].src"),
        ({"src": CHILD, "accept": ["nsa:22"]}, "tailnet.tests[0].accept[0]"),
        ({"src": CHILD, "deny": ["pi:22", "tag:print:22"]}, "tailnet.tests[0].deny[1]"),
    ],
)
def test_an_unknown_name_is_said_and_nothing_else(test: dict[str, Any], place: str) -> None:
    broken = stack(tailnet={"tests": [test]})
    assert [p.where for p in build.found(broken, "acl-tag-known")] == [place]
    assert build.found(broken, "acl-test") == []


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ({"src": "kym@example.org", "accept": ["nas:4533", "pi:22"]}, "src"),
        ({"src": CHILD, "accept": ["kym@example.org:22"]}, "accept[0]"),
    ],
)
def test_no_grant_is_proposed_to_a_stranger(test: dict[str, Any], place: str) -> None:
    broken = stack(tailnet={"tests": [test]}, **MUSIC)
    (problem,) = build.found(broken, "acl-test")
    assert problem.where == f"tailnet.tests[0].{place}"
    assert problem.what == "no group and no grant names kym@example.org"
    assert problem.way_out.startswith('did you mean "kim@example.org"? People: ')
    assert "grants" not in problem.way_out
    # Whom a grant names is no stranger.
    grants = [{"src": ["kym@example.org"], "dst": ["nas"], "ip": ["tcp:80"]}]
    named = stack(tailnet={"grants": grants, "tests": [test]}, **MUSIC)
    assert all("cannot reach" in p.what for p in build.found(named, "acl-test"))


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ({"src": CHILD}, "it tests nothing"),
        ({"src": "*", "deny": ["nas:22"]}, "access of one name"),
        ({"src": "autogroup:member", "deny": ["nas:22"]}, "access of one name"),
        ({"src": CHILD, "deny": ["nas"]}, "not one port of one machine"),
        ({"src": CHILD, "deny": ["nas:*"]}, "not one port of one machine"),
        ({"src": CHILD, "deny": ["nas:0"]}, "not one port of one machine"),
        ({"src": CHILD, "deny": ["nas:20-25"]}, "not one port of one machine"),
        ({"src": CHILD, "deny": ["192.168.1.0/24:22"]}, "not one port of one machine"),
        ({"src": CHILD, "deny": ["group:family:22"]}, "not one port of one machine"),
    ],
)
def test_what_tailscale_cannot_test_is_refused(test: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(stack(tailnet={"tests": [test]}))


@pytest.mark.requirement("S0-24")
def test_the_tailscale_of_the_lab_agrees() -> None:
    """It refuses a policy that fails a test, and passes one that only a tag of a machine opens."""
    grants = [{"src": ["tag:appliance"], "dst": ["nas"], "ip": ["tcp:80"]}]
    by_tag = {"grants": grants, "tests": [{"src": "pi", "accept": ["nas:80"]}]}
    refuse_policy(policy_text(tailnet(tailnet=by_tag)))
    refuse_policy(
        policy_text(tailnet(tailnet={"tests": [{"src": "group:family", "accept": ["pi:53"]}]}))
    )
    for test in ({"src": CHILD, "accept": ["nas:80"]}, {"src": CHILD, "deny": ["pi:443"]}):
        with pytest.raises(RefusedError, match=r"can(not)? reach"):
            refuse_policy(policy_text(tailnet(tailnet={"tests": [test]})))
