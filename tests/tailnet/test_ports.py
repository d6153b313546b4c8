"""A host's SSH listens where the stack says, and everything that goes by it asks there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from homelab.checks import run_checks
from homelab.deploy.plan import build_flags
from homelab.reach.plan import plan_reach
from homelab.tailnet.evaluate import allowed, failed_tests
from homelab.tailnet.model import Grant, TailnetPlan
from homelab.tailnet.policy import policy
from tests import build
from tests.tailnet.test_tailnet import CHILD, OWNER, merged, stack

pytestmark = pytest.mark.requirement("S0-24")

PORT = 2222
MOVED: dict[str, Any] = {
    "hosts": {"nas": {"ssh": {"port": PORT}}, "pi": {"build": {"host": "nas"}}},
}
DISK = {"kind": "sftp", "host": "nas", "path": "/mnt/disk"}


def tailnet(**changes: Any) -> TailnetPlan:
    made = build.plan(stack(**merged(MOVED, changes))).tailnet
    assert made is not None
    return made


def denied(plan: TailnetPlan) -> set[tuple[str, str]]:
    return {(t.src, end) for t in plan.tests for end in t.deny}


def test_a_host_reaches_its_builder_where_that_listens() -> None:
    plan = tailnet()
    assert allowed(plan, "pi", "nas", PORT)
    assert not allowed(plan, "pi", "nas", 22)
    reach = plan_reach(build.plan(stack(**MOVED)))
    ways = {
        (a.origin.name, a.reachable)
        for a in reach.answers
        if a.target.source == "hosts.nas.ssh.port" and a.origin.name in ("pi", "family")
    }
    assert ways == {("pi", True), ("family", False)}


def test_backups_reach_their_host_where_that_listens() -> None:
    plan = tailnet(
        hosts={"pi": {"build": {"host": None}}},
        backup={"targets": {"disk": DISK}},
        services={"miniflux": {"host": "pi"}},
    )
    assert allowed(plan, "pi", "nas", PORT)
    assert not allowed(plan, "pi", "nas", 22)


def test_the_policys_own_tests_ask_the_port_that_answers() -> None:
    plan = tailnet(hosts={"pi": {"build": {"host": None}}})
    accepted = {(t.src, end) for t in plan.tests for end in t.accept}
    assert {(OWNER, f"nas:{PORT}"), (OWNER, "pi:22")} <= accepted
    assert {("pi", f"nas:{PORT}"), (CHILD, f"nas:{PORT}"), ("nas", "pi:22")} <= denied(plan)
    assert not [end for _, end in accepted | denied(plan) if end == "nas:22"]
    assert failed_tests(policy(plan), plan.tags) == ()


def test_tailscales_own_ssh_answers_at_22_all_the_same() -> None:
    plan = tailnet(hosts={"nas": {"tailscale": {"ssh": True}}})
    assert {(CHILD, "nas:22"), (CHILD, f"nas:{PORT}")} <= denied(plan)


@pytest.mark.parametrize("port", [22, PORT])
def test_an_owner_who_is_left_only_another_port_is_locked_out(port: int) -> None:
    made = build.plan(stack(**MOVED))
    assert made.tailnet is not None
    left = Grant(("group:owners",), ("nas", "pi"), ("tcp:22", f"tcp:{port}"), "tailnet.owners")
    grants = tuple(g for g in made.tailnet.grants if g.source != "tailnet.owners")
    robbed = replace(made, tailnet=replace(made.tailnet, grants=(left, *grants), tests=()))
    found = [p for p in run_checks(robbed) if p.where == "tailnet.owners"]
    assert bool(found) is (port == 22)


def test_ssh_knows_the_port_of_a_builder_as_nix_cannot() -> None:
    text = build.render(stack(**MOVED))["pi"]["nix.nix"]
    assert "Host 100.64.0.3\n" in text
    assert f"Port {PORT}" in text
    plan = build.plan(stack(**MOVED))
    (_, machine) = build_flags(plan.stack, plan.hosts, plan.hosts["pi"])
    assert machine.startswith("ssh-ng://nixbuild@100.64.0.3 "), "a port there is no port to Nix"
    usual = build.render(stack(hosts={"pi": {"build": {"host": "nas"}}}))["pi"]["nix.nix"]
    assert "programs.ssh" not in usual
