"""Tags of hosts to come, devices that are known, attributes, and what devices ask for names."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.reach.plan import plan_reach
from homelab.tailnet.policy import policy
from tests import build
from tests.tailnet.test_tailnet import grants, host, merged, stack, tailnet

pytestmark = pytest.mark.requirement("S0-20", "S0-22", "S0-23", "S0-24")

PLANNED = {"hosts": {"pavilion": host(role="agent", state="planned")}}
TO_THE_AGENTS = {"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:11434"]}


def test_a_planned_hosts_tag_exists_before_the_host_does() -> None:
    changes = merged(stack(**PLANNED), {"tailnet": {"grants": [TO_THE_AGENTS]}})
    plan = build.plan(changes)
    assert plan.tailnet is not None
    assert plan.tailnet.tags["tag:agent"] == ()
    owners: Any = policy(plan.tailnet)["tagOwners"]
    assert "tag:agent" in owners
    assert build.found(changes, "acl-tag-known") == []
    assert "tag:agent" not in {a.name for a in plan_reach(plan).origins}


def test_a_planned_agent_is_kept_out_already() -> None:
    opened = {**TO_THE_AGENTS, "ip": ["tcp:22"]}
    changes = merged(stack(**PLANNED), {"tailnet": {"grants": [opened]}})
    (problem,) = build.found(changes, "acl-lockout")
    assert "tag:agent can reach nas:22" in problem.what


def test_a_machine_whose_id_is_known_has_joined() -> None:
    plan = tailnet(hosts={"new": host(tailscale={"device": "nNew1CNTRL"})})
    assert plan.keys == ()
    (device,) = plan.devices
    assert (device.host, device.id, device.routes) == ("new", "nNew1CNTRL", ())


def test_a_planned_host_has_no_device_yet() -> None:
    later = host(state="planned", tailscale={"device": "nNew1CNTRL"})
    assert tailnet(hosts={"later": later}).devices == ()


def test_one_machine_is_one_host() -> None:
    same = {n: {"tailscale": {"device": "nOne1CNTRL"}} for n in ("nas", "pi")}
    (problem,) = build.found(stack(hosts=same), "device-unique")
    assert problem.where == "hosts.pi.tailscale.device"
    same["pi"]["tailscale"]["device"] = "nTwo2CNTRL"
    assert build.found(stack(hosts=same), "device-unique") == []


def test_attributes_reach_tags_people_and_hosts() -> None:
    """A host is its address there: Tailscale takes no host names for these."""
    given = [
        {"target": ["tag:workhorse", "group:family"], "attr": ["funnel"]},
        {"target": ["nas"], "attr": ["mullvad"]},
    ]
    changes = stack(tailnet={"node_attributes": given})
    plan = build.plan(changes).tailnet
    assert plan is not None
    assert policy(plan)["nodeAttrs"] == [
        {"target": ["tag:workhorse", "group:family"], "attr": ["funnel"]},
        {"target": ["100.64.0.3"], "attr": ["mullvad"]},
    ]
    assert build.found(changes, "acl-tag-known") == []
    given[0]["target"] = ["tag:workhose"]
    (problem,) = build.found(stack(tailnet={"node_attributes": given}), "acl-tag-known")
    assert problem.where == "tailnet.node_attributes[0].target[0]"


def test_without_attributes_the_policy_does_not_speak_of_them() -> None:
    assert "nodeAttrs" not in policy(tailnet())


# --- DNS -----------------------------------------------------------------------------------------


def test_domains_of_before_are_the_home_resolvers_too() -> None:
    plan = tailnet(site={"legacy_domains": [{"domain": "nori.lan"}]})
    assert plan.split == (
        ("home.example.org", ("100.64.0.2",)),
        ("nori.lan", ("100.64.0.2",)),
    )


def test_another_resolver_answers_the_domains_it_is_named_for() -> None:
    dns = {"split": {"corp.example.com": ["10.0.0.54", "10.0.0.53"]}, "search": ["example.com"]}
    changes = stack(tailnet={"dns": dns})
    plan = build.plan(changes).tailnet
    assert plan is not None
    assert plan.split[-1] == ("corp.example.com", ("10.0.0.53", "10.0.0.54"))
    assert plan.search == ("home.example.org", "example.com")
    assert build.found(changes, "dns-push-target") == []


SPLITS = {
    "a host without a resolver": ({"corp.example.com": ["100.64.0.3"]}, "(nas)"),
    "the stack's own domain": (
        {"home.example.org": ["10.0.0.53"]},
        "already uses pi for home.example.org",
    ),
}


@pytest.mark.parametrize("what", SPLITS)
def test_a_split_that_leads_nowhere_is_refused(what: str) -> None:
    split, says = SPLITS[what]
    (problem,) = build.found(stack(tailnet={"dns": {"split": split}}), "dns-push-target")
    assert problem.where == f"tailnet.dns.split.{next(iter(split))}"
    assert says in problem.what


@pytest.mark.parametrize("adopt", ["true", "sha256:abc", "3837f264"])
@pytest.mark.requirement("S0-24")
def test_only_a_digest_can_be_adopted(adopt: str) -> None:
    with pytest.raises(Exception, match=r"tailnet\.adopt"):
        build.plan(stack(tailnet={"adopt": adopt}))


def test_a_grant_to_a_planned_host_waits_for_its_address() -> None:
    changes = merged(grants({**TO_THE_AGENTS, "dst": ["later"]}), PLANNED)
    changes = merged(changes, {"hosts": {"later": host(state="planned")}})
    (problem,) = build.found(changes, "acl-tag-known")
    assert "later has no tailnet address yet" in problem.what
