"""Tables that the plan writes into the firewall stay on, and keep their rules."""

from __future__ import annotations

import re

import pytest

from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from homelab.openings.model import View
from homelab.openings.tables import tables
from homelab.problems import Problem
from tests import build
from tests.openings.careless import DIGEST
from tests.site.ways_out.stacks import both
from tests.vpn.stack import MEMBERS
from tests.vpn.test_vpn import INSIDE

WIKI: dict[str, object] = {
    "services": {"wiki": {"container": {"image": DIGEST, "port": 80}, "host": "nas"}}
}
STACKS: dict[str, dict[str, object]] = {
    "killswitch": MEMBERS,
    "namespace": INSIDE,
    "container": WIKI,
}


def told(stack: str, line: str) -> list[Problem]:
    plan = build.plan(both(STACKS[stack], {"hosts": {"nas": {"modules": ["own.nix"]}}}))
    found = check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"})
    return [p for p in found if p.severity == "error"]


@pytest.mark.parametrize("stack", STACKS)
def test_each_table_that_is_written_is_known(stack: str) -> None:
    plan = build.plan(STACKS[stack])
    texts = "".join(build.render(STACKS[stack])["nas"].values())
    written = set(re.findall(r"networking\.nftables\.tables\.([\w-]+)", texts))
    assert written
    assert written <= {*tables(View(plan, plan.hosts["nas"], ()))}


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("killswitch", "vpn-killswitch"),
        ("namespace", "vpn-namespaces"),
        ("container", "container-wiki"),
        ("container", "nixos-fw"),
    ],
)
def test_a_table_of_the_firewall_stays(stack: str, name: str) -> None:
    table = f"networking.nftables.tables.{name}"
    for line in (
        f"{table}.enable = false;",
        f"{table}.enable = lib.mkForce false;",
        f'{table}.content = lib.mkForce "";',
        f'{table}.content = lib.mkForce "chain x {{ }}";',
        f'{table}.family = lib.mkForce "ip";',
        f'{table} = lib.mkForce {{ family = "inet"; content = ""; }};',
    ):
        (problem,) = told(stack, line)
        assert problem.check == "forbidden-patterns", line
        assert problem.way_out
    assert told(stack, f"{table}.enable = true;") == []
    assert told(stack, f'{table}.family = "inet";') == []


def test_an_option_forces_no_rules_of_the_firewall() -> None:
    option = "networking.nftables.tables.nixos-fw.content"
    options = {option: {"$force": {"$text": "chain input { }"}}}
    found = run_checks(build.plan({"services": {"navidrome": {"host": "nas", "options": options}}}))
    (problem,) = [p for p in found if p.check == "open-firewall-ban"]
    assert "the rules of the plan are lost" in problem.what
