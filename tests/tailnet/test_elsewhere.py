"""A tailnet has one policy: one stack has it, and the others leave it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import yaml

from homelab import testing
from homelab.problems import InvalidStackError, UsageError
from homelab.tailnet.drift import drift, refusal
from homelab.tailnet.evaluate import allowed, failed_tests
from homelab.tailnet.hujson import digest
from homelab.tailnet.part import part
from homelab.tailnet.policy import policy, policy_text
from tests import build
from tests.tailnet.test_tailnet import TAILNET, tailnet

HOME = replace(tailnet(), stack="home")
CABIN = replace(HOME, stack="cabin")
ELSEWHERE: dict[str, object] = testing.merged(
    TAILNET, {"tailnet": {"policy": "elsewhere", "family": ["kim@example.org"]}}
)
HUT: dict[str, object] = {"address": "100.64.0.9", "tags": ["appliance"]}


def of_other_machines(text: str) -> str:
    """The same policy in a clone with other machines; signed as that clone would."""
    for own, other in (("100.64.0.", "100.99.9."), ("192.168.1.", "10.9.9."), ("pi", "hut")):
        text = text.replace(own, other)
    return text.replace("nas", "shed")


def test_a_policy_says_whose_it_is() -> None:
    assert policy_text(HOME).startswith("// Written by homelab for the stack home; sha256:")
    assert drift(policy_text(HOME), policy_text(HOME)).verdict == "same"


def test_one_from_before_policies_named_their_stack_is_still_ours() -> None:
    before = policy_text(replace(HOME, stack=""))
    assert drift(before, policy_text(HOME)).verdict in ("same", "older")


@pytest.mark.parametrize("edit", ["", '"*"'])
def test_another_stacks_policy_is_refused_with_two_ways_out(edit: str) -> None:
    live = policy_text(HOME).replace(edit, '"tag:agent"', 1) if edit else policy_text(HOME)
    found = drift(live, policy_text(CABIN))
    assert (found.verdict, found.stack, found.is_ours) == ("other", "home", False)
    text = refusal(found)
    assert "of the stack home" in text
    assert "policy: elsewhere" in text
    assert f'adopt: "{digest(live)}"' in text
    assert drift(live, policy_text(CABIN), digest(live)).is_ours


@pytest.mark.parametrize("stack", ["", "home"])
def test_a_stack_of_the_same_name_without_one_machine_of_ours_is_another(stack: str) -> None:
    theirs = of_other_machines(policy_text(replace(HOME, stack=stack)))
    assert drift(theirs, policy_text(HOME)).verdict == "other"


@pytest.mark.parametrize(
    "field",
    [
        {"grants": [{"src": ["*"], "dst": ["nas"], "ip": ["*"]}]},
        {"dns": {"search": ["a.example.org"]}},
        {"override_local_dns": False},
        {"adopt": f"sha256:{'0' * 64}"},
        {"machines": {"hut": HUT}},
        {"node_attributes": [{"target": ["*"], "attr": ["funnel"]}]},
        {"tests": [{"src": "kim@example.org", "deny": ["nas:22"]}]},
    ],
)
def test_what_only_a_policy_says_is_refused_where_another_stack_has_it(
    field: Mapping[str, object],
) -> None:
    with pytest.raises(
        InvalidStackError, match=f"elsewhere, {next(iter(field))} would have no effect"
    ):
        build.stack_config(testing.merged(ELSEWHERE, {"tailnet": field}))


def test_what_the_other_stack_has_to_say_is_printed_and_opens_the_ways_there() -> None:
    """The lines are taken as printed, and let in whom this stack lets in."""
    plan = build.plan(ELSEWHERE)
    lines = yaml.safe_load(part(plan))["homelab:tailnet"]
    names = {"pi": "hut", "nas": "shed"}
    told = yaml.safe_load(
        yaml.safe_dump({"tailnet": lines}).replace("pi:", "hut:").replace("nas:", "shed:")
    )
    for grant in told["tailnet"].get("grants", []):
        for side in ("src", "dst"):
            grant[side] = [names.get(end, end) for end in grant[side]]
    other = {
        "hosts": {
            "pi": {"address": {"lan": "10.0.0.2", "tailnet": "100.90.0.2"}},
            "nas": {"address": {"lan": "10.0.0.3", "tailnet": "100.90.0.3"}},
        },
        "network": {"lan": {"cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}},
    }
    owner = build.plan(testing.merged(TAILNET, other, told)).tailnet
    assert owner is not None
    assert plan.tailnet is not None
    assert not failed_tests(policy(owner), owner.tags)
    for grant in plan.tailnet.grants:
        for dst in grant.dst:
            if dst in names:
                for src in grant.src:
                    port = int(grant.ip[0].rpartition(":")[2]) if ":" in grant.ip[0] else 22
                    assert allowed(owner, names.get(src, src), names[dst], port), grant


def test_a_stack_with_the_policy_has_no_part_to_print() -> None:
    with pytest.raises(UsageError, match="policy: elsewhere"):
        part(build.plan(TAILNET))


def test_a_machine_of_another_stack_is_spoken_of_like_a_host() -> None:
    made = tailnet(
        tailnet={
            "machines": {"hut": {**HUT, "routes": ["10.40.0.0/24"], "exit_node": True}},
            "grants": [{"src": ["hut"], "dst": ["nas"], "ip": ["tcp:22"]}],
        }
    )
    document = policy(made)
    assert document["hosts"]["hut"] == "100.64.0.9"  # type: ignore[index, call-overload]
    assert "tag:appliance" in document["tagOwners"]  # type: ignore[operator]
    assert made.routes["10.40.0.0/24"] == ("tag:appliance",)
    assert made.exit_nodes == ("tag:appliance",)
    assert allowed(made, "hut", "nas", 22)
    assert not allowed(made, "hut", "nas", 443)


@pytest.mark.parametrize(
    "machines",
    [
        {"pi": HUT},
        {"hut": {**HUT, "address": "100.64.0.2"}},
        {"hut": {**HUT, "tags": ["iac"]}},
    ],
)
def test_a_machine_that_is_a_host_or_the_deployer_is_refused(
    machines: Mapping[str, object],
) -> None:
    changes = testing.merged(TAILNET, {"tailnet": {"machines": machines}})
    assert build.found(changes, "machine-elsewhere")
    fine = testing.merged(TAILNET, {"tailnet": {"machines": {"hut": HUT}}})
    assert not build.found(fine, "machine-elsewhere")
