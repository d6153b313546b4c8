"""Tailscale's own SSH: off unless said, for owners first, and never towards the data."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.tailnet.evaluate import allowed, failed_login_tests, failed_tests, logs_in
from homelab.tailnet.policy import policy
from tests import build
from tests.tailnet.test_tailnet import AGENT, CHILD, OWNER, host, merged, stack, tailnet

pytestmark = pytest.mark.requirement("S0-25")

ON: dict[str, Any] = {"hosts": {"nas": {"tailscale": {"ssh": True}}}}


def with_rules(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return stack(**merged(merged(ON, more), {"tailnet": {"ssh": list(rules)}}))


def rule(src: str, dst: str = "tag:workhorse", **more: Any) -> dict[str, Any]:
    return {"src": [src], "dst": [dst], "users": ["root"], **more}


def test_a_host_that_switches_it_on_lets_owners_in_and_nobody_else() -> None:
    plan = tailnet(**merged(ON, AGENT))
    document = policy(plan)
    assert document["ssh"] == [
        {
            "action": "accept",
            "src": ["group:owners"],
            "dst": ["tag:workhorse"],
            "users": ["autogroup:nonroot", "root"],
        }
    ]
    for user in ("root", "sam"):
        assert logs_in(document, OWNER, "tag:workhorse", user)
    for who in (CHILD, "tag:agent", "tag:appliance"):
        assert not logs_in(document, who, "tag:workhorse", "root")
    flags = build.render(stack(**ON))
    assert flags["nas"]["tailnet.nix"].count('"--ssh=true"') == 2
    assert flags["pi"]["tailnet.nix"].count('"--ssh=false"') == 2


def test_tailscale_tests_that_owners_get_in_and_lesser_machines_do_not() -> None:
    document = policy(tailnet(**merged(ON, AGENT)))
    assert document["sshTests"] == [
        {"src": OWNER, "dst": ["tag:workhorse"], "accept": ["root"]},
        {"src": "tag:agent", "dst": ["tag:workhorse"], "deny": ["root"]},
        {"src": "tag:appliance", "dst": ["tag:workhorse"], "deny": ["root"]},
    ]
    assert failed_login_tests(document) == ()
    robbed = {**document, "ssh": []}
    assert failed_login_tests(robbed) == (f"{OWNER} cannot log in on tag:workhorse as root",)
    opened = {**document, "ssh": [{**rule("tag:agent"), "action": "accept"}]}
    assert "tag:agent can log in on tag:workhorse as root" in failed_login_tests(opened)


def test_workhorses_log_in_on_each_other_where_a_rule_says_so() -> None:
    changes = with_rules(rule("tag:workhorse"), hosts={"big": host("100.64.0.8")})
    plan = build.plan(changes).tailnet
    assert plan is not None
    assert allowed(plan, "big", "nas", 22)
    assert not allowed(plan, "pi", "nas", 22)
    document = policy(plan)
    assert logs_in(document, "tag:workhorse", "tag:workhorse", "root")
    assert not logs_in(document, "tag:workhorse", "tag:workhorse", "sam")
    assert failed_login_tests(document) == ()
    assert failed_tests(document, plan.tags) == ()
    assert build.found(changes, "ssh-direction") == []


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "an appliance": (rule("tag:appliance"), "tailnet.ssh[0].src", "where the data is"),
    "an agent": (rule("tag:agent"), "tailnet.ssh[0].src", "where the data is"),
    "every machine": (rule("autogroup:tagged"), "tailnet.ssh[0].src", "where the data is"),
    "an appliance by another tag": (rule("tag:edge"), "tailnet.ssh[0].src", "where the data is"),
    "data by another tag": (rule("tag:edge", "tag:disk"), "tailnet.ssh[0].src", "tag:disk"),
    "a host": (rule("nas"), "tailnet.ssh[0].src[0]", "nas is a host"),
    "onto a host": (rule("tag:workhorse", "nas"), "tailnet.ssh[0].dst[0]", "nas is a host"),
    "onto one that does not answer": (
        rule("tag:workhorse", "tag:appliance"),
        "tailnet.ssh[0].dst[0]",
        "no host with tag:appliance has Tailscale SSH on",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_login_in_the_wrong_direction_is_refused(what: str) -> None:
    given, where, says = WRONG[what]
    tags = {
        "pi": {"tailscale": {"tags": ["edge"]}},
        "nas": {"tailscale": {"tags": ["disk"], "ssh": True}},
    }
    (problem,) = build.found(with_rules(given, **merged(AGENT, {"hosts": tags})), "ssh-direction")
    assert problem.where == where
    assert says in str(problem)


@pytest.mark.parametrize("src", [CHILD, "group:family", "autogroup:member"])
def test_the_family_gets_in_where_a_rule_lets_it_and_nowhere_else(src: str) -> None:
    """As the guide says: `tailnet.ssh` lets others in."""
    changes = with_rules(
        rule(src, users=["kim"]), hosts={"big": host("100.64.0.8", role="appliance")}
    )
    assert build.found(changes, "acl-lockout") == []
    plan = build.plan(changes).tailnet
    assert plan is not None
    assert allowed(plan, CHILD, "nas", 22)
    document = policy(plan)
    assert failed_tests(document, plan.tags) == ()
    assert failed_login_tests(document) == ()
    assert logs_in(document, CHILD, "tag:workhorse", "kim")
    denied = {end for t in plan.tests if t.src == CHILD for end in t.deny}
    lan = {f"192.168.1.{n}:22" for n in (2, 3, 9)}
    assert denied == {"big:22", "pi:22"} | lan, "nor through the subnet route"


def test_a_grant_alone_lets_nobody_log_in() -> None:
    grant = {"src": ["group:family"], "dst": ["nas"], "ip": ["tcp:22"]}
    (problem,) = build.found(stack(tailnet={"grants": [grant]}), "acl-lockout")
    assert problem.where == "tailnet.grants[0]"
    assert "kim@example.org can reach nas:22" in problem.what


def test_an_unknown_end_of_a_rule_is_named() -> None:
    (problem,) = build.found(with_rules(rule("tag:workhose")), "acl-tag-known")
    assert problem.where == "tailnet.ssh[0].src[0]"
    assert 'did you mean "tag:workhorse"' in problem.way_out
