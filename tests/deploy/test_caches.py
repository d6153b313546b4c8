"""The binary caches of a host serve its first build, before its nix.conf names them."""

from __future__ import annotations

import pytest

from homelab.deploy import scripts
from homelab.deploy.plan import build_flags, policy_of
from homelab.deploy.policy import DeployPolicy
from tests import build
from tests.deploy.conftest import Machine
from tests.ops.conftest import flake

pytestmark = pytest.mark.requirement("S0-66")

KEY, OTHER = f"main:{'A' * 43}=", f"home:{'B' * 43}="
CACHES = [
    {"url": "https://attic.example.org/main", "key": KEY},
    {"url": "https://other.example.org", "key": OTHER},
    {"url": "https://third.example.org", "key": OTHER},
]


def test_the_build_names_the_caches_and_their_keys() -> None:
    nix = {"substituters": CACHES, "netrc": {"sops": "nix/netrc"}}
    plan = build.plan({"hosts": {"nas": {"nix": nix}}})
    host = plan.hosts["nas"]
    flags = build_flags(plan.stack, plan.hosts, host)
    options = dict(zip(flags[1::3], flags[2::3], strict=True))
    assert set(flags[::3]) == {"--option"}
    assert options["extra-substituters"].split() == [c["url"] for c in CACHES]
    assert options["extra-trusted-public-keys"].split() == [KEY, OTHER]
    assert options["fallback"] == "true", "a cache that is off stops no build"
    text = build.render({"hosts": {"nas": {"nix": nix}}})["nas"]["nix.nix"]
    assert policy_of(plan.stack, host).netrc in text
    assert build_flags(plan.stack, plan.hosts, plan.hosts["pi"]) == []


def test_a_file_of_passwords_is_read_once_it_is_there(machine: Machine) -> None:
    netrc = machine.root / "netrc"
    policy = DeployPolicy("pi", netrc=str(netrc))
    for release, there in (("r1", False), ("r2", True)):
        if there:
            netrc.write_text("machine attic.example.org password x\n")
        machine.succeed(scripts.stage_script(release, flake(release)))
        machine.succeed(scripts.build_script(release, policy))
        log = (machine.root / "var/log/homelab-lab.jsonl").read_text().splitlines()
        (words,) = [line for line in log if "nixos-rebuild" in line and f"/{release}/" in line]
        assert ("netrc-file" in words) is there
