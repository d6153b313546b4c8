"""Hosts that homelab manages in part: every file and every field belongs to a part."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import get_args

import pytest

from homelab.config.hosts import HomeManagerHost, NixosHost
from homelab.config.manage import FIELDS, Managed
from homelab.evaluation.files import FILES
from homelab.managed import ALWAYS, PARTS, UNASKED, parts_of
from homelab.plan import Plan
from homelab.problems import InvalidStackError
from homelab.render import modules_of, wanted_modules
from homelab.system.manage_checks import check_managed
from homelab.system.nix_checks import check_locks
from tests import build
from tests.site.rich import RICH

_NO_MODULES = {"flake.nix", "secrets.yaml"}
_WITHOUT_PART = {
    *("accept", "address", "always_on", "bootstrap", "devices", "extends", "flakes", "hardware"),
    *("interface", "kind", "manage", "mode", "modules", "nixpkgs", "platform", "probes", "role"),
    *("ssh", "state", "state_version", "tags"),
}
"""Fields that other hosts, the deployment or your own modules read, whatever is managed."""


def test_every_generated_file_belongs_to_a_part() -> None:
    modules = {name for name in FILES if name not in _NO_MODULES}
    assert sorted(m for m in modules - ALWAYS if not parts_of(m)) == []
    known = {file for files in PARTS.values() for file in files} - {"homes/", "services/"}
    assert sorted(known - modules) == []
    assert known > UNASKED
    assert {*PARTS} == {*get_args(Managed)}


def test_every_field_of_a_host_belongs_to_a_part_or_is_read_without_one() -> None:
    fields = {*NixosHost.model_fields, *HomeManagerHost.model_fields}
    assert sorted(fields - FIELDS.keys() - _WITHOUT_PART) == []
    assert not FIELDS.keys() & _WITHOUT_PART


@pytest.mark.parametrize("host", ["pi", "nas", "box"])
def test_a_host_without_manage_has_every_file(host: str) -> None:
    plan = build.plan(RICH)
    found = plan.hosts[host]
    assert modules_of(plan, found) == wanted_modules(plan, found)


def test_a_host_that_manages_nothing_gets_your_modules_and_its_tags() -> None:
    files = build.render({"hosts": {"nas": {"manage": []}}})["nas"]
    assert {f for f in files if "/" not in f} == {
        *("default.nix", "flake.nix", "flake.lock", "own.nix", "release.nix", "release-id.nix")
    }
    assert "nixpkgs.hostPlatform" in files["own.nix"]


def test_a_part_has_the_same_files_on_every_host() -> None:
    whole = build.render()["nas"]
    for part in get_args(Managed):
        here = build.render({"hosts": {"nas": {"manage": [part]}}})["nas"]
        same = {f for f in here if f in PARTS[part] and f != "ssh.nix"}
        assert {f: here[f] for f in same} == {f: whole[f] for f in same}


def test_an_unmanaged_tailnet_makes_no_member_and_no_key() -> None:
    adopted = {"manage": [], "address": {"tailnet": None}}
    plan = build.plan({**build.TAILNET, "hosts": {"nas": adopted}})
    assert plan.tailnet is not None
    assert [k.host for k in plan.tailnet.keys] == []
    assert [s.name for s in plan.on("nas")] == []


def test_a_field_that_only_an_unmanaged_part_reads_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="manage has no ssh, so nothing reads fail2ban"):
        build.plan({"hosts": {"nas": {"manage": ["system"], "fail2ban": {}}}})


def test_an_extended_flake_locks_its_own_home_manager() -> None:
    """Most configurations follow another branch of it than the release's."""
    top = "hosts/nas/nixos"
    pin = {"release": "25.11", "url": build.URL, "lock": f"{top}/flake.lock"}
    nas = {"hardware": None, "nixpkgs": "nas", "extends": {"flake": top}, "manage": []}
    plan = build.plan({"nixpkgs": {"nas": pin}, "hosts": {"nas": nas}})
    url = "github:nix-community/home-manager"
    lock = build.sources(plan)[f"{top}/flake.lock"]
    own = json.loads(lock)
    del own["nodes"]["home-manager"]["original"]["ref"]
    declared = f'  inputs.home-manager.url = "{url}";\n  outputs ='
    sources = build.sources(plan) | {
        f"{top}/flake.lock": json.dumps(own),
        f"{top}/flake.nix": build.FLAKE.replace("  outputs =", declared, 1),
    }
    assert [p for p in check_locks(plan, sources) if f"{top}/" in p.what] == []
    other = {**sources, f"{top}/flake.lock": json.dumps(own).replace("nixos-25.11", "nixos-25.05")}
    assert [p.check for p in check_locks(plan, other) if f"{top}/" in p.what] == ["lock-matches"]


def _managing(parts: list[str]) -> Plan:
    """The full stack, with a host that manages these parts. Fields of other parts stay."""
    plan = build.plan(RICH)
    nas = plan.hosts["nas"]
    config = nas.config.model_copy(update={"manage": parts})
    return replace(plan, hosts={**plan.hosts, "nas": replace(nas, config=config)})


def test_all_that_a_host_needs_to_manage_is_one_list_that_can_be_copied() -> None:
    every = sorted(get_args(Managed))
    plan = _managing([])
    found = [p for p in check_managed(plan) if p.where == "hosts.nas.manage"]
    assert len(found) == 1
    line = str(found[0])
    (wanted,) = re.findall(r"write manage: \[([a-z, ]+)\], or let another host have it", line)
    listed = wanted.split(", ")
    assert len(listed) > 12, "the list is longer than what a message cuts"
    assert {*listed} <= {*every}
    assert found[0].what.count("storage.nix") == 1
    assert [p for p in check_managed(_managing(listed)) if p.where == "hosts.nas.manage"] == []
