"""The checks read the modules of a flake that a host extends, and say where they cannot."""

from __future__ import annotations

import pytest

from homelab.openings.checks import check_openings
from homelab.plan import Plan
from homelab.policy.baseline import BASELINE
from homelab.policy.facts import from_text
from homelab.policy.report import judged
from homelab.problems import Problem
from homelab.system.own_flake import flake_modules
from tests import build

TOP = "hosts/nas/nixos"
OPEN = """\
{ ... }:
{
  networking.firewall.enable = false;
  networking.firewall.allowedTCPPorts = [ 80 ];
  services.openssh.settings.PasswordAuthentication = true;
  services.openssh.settings.PermitRootLogin = "yes";
}
"""
BROKEN = ("SEC-NET-001", "SEC-SSH-002", "SEC-SSH-003")
MANAGED = ["accounts", "firewall", "ssh", "system"]


def _plan(manage: list[str]) -> Plan:
    pin = {"release": "25.11", "url": build.URL, "lock": f"{TOP}/flake.lock"}
    nas = {"hardware": None, "nixpkgs": "nas", "extends": {"flake": TOP}, "manage": manage}
    return build.plan({"nixpkgs": {"nas": pin}, "hosts": {"nas": nas}})


def _flake(outputs: str) -> str:
    return (
        f'{{ inputs.nixpkgs.url = "{build.URL}"; outputs = {{ nixpkgs, ... }}@inputs: {outputs}; }}'
    )


def _system(modules: str, name: str = "nas") -> str:
    return f"{name} = nixpkgs.lib.nixosSystem {{ modules = {modules}; }};"


def _sources(plan: Plan, flake: str, module: str = OPEN) -> dict[str, str | bytes]:
    files = {f"{TOP}/flake.nix": flake, f"{TOP}/configuration.nix": module}
    return {**build.sources(plan), **files}


LISTED = {
    "a file": _flake(f"{{ nixosConfigurations = {{ {_system('[ ./configuration.nix ]')} }}; }}"),
    "a directory of the system": _flake(
        "{ nixosConfigurations.nas = nixpkgs.lib.nixosSystem { modules = [ ./. ]; }; }"
    ),
    "a name": _flake(
        "let shared = [ ./configuration.nix ]; in { nixosConfigurations."
        f"{_system('shared ++ [ { } ]')} }}"
    ),
    "an import of a module in it": _flake(
        f"{{ nixosConfigurations.{_system('[ { imports = [ ./configuration.nix ]; } ]')} }}"
    ),
    "a call": _flake(
        f"{{ nixosConfigurations.{_system('[ (import ./configuration.nix { }) ]')} }}"
    ),
    "the module itself": _flake(f"{{ nixosConfigurations.{_system(f'[ ({OPEN}) ]')} }}"),
}


def _found(plan: Plan, sources: dict[str, str | bytes]) -> list[Problem]:
    return [p for p in check_openings(plan, sources) if p.where == "hosts.nas"]


def _states(plan: Plan, sources: dict[str, str | bytes]) -> dict[str, str]:
    facts = from_text(plan, plan.hosts["nas"], sources)
    return {v.rule.id: v.state for v in judged(facts, "2026-01-01").verdicts}


@pytest.mark.parametrize("listed", LISTED)
def test_what_a_module_of_an_extended_flake_opens_is_an_error(listed: str) -> None:
    plan = _plan(MANAGED)
    sources = _sources(plan, LISTED[listed])
    found = _found(plan, sources)
    assert len([p for p in found if p.severity == "error"]) == 2
    assert all(p.what.startswith(f"{TOP}/") for p in found)
    assert {_states(plan, sources)[rule] for rule in BROKEN} == {"broken"}


@pytest.mark.parametrize("manage", [[], ["system"], MANAGED])
def test_a_rule_does_not_hold_that_a_module_of_an_extended_flake_breaks(manage: list[str]) -> None:
    plan = _plan(manage)
    states = _states(plan, _sources(plan, LISTED["a file"]))
    assert {states[rule] for rule in BROKEN} == {"broken"}


def test_the_modules_of_another_host_of_the_flake_are_not_read() -> None:
    plan = _plan(MANAGED)
    systems = f"{_system('[ ./configuration.nix ]', 'pi')} {_system('[ ./nas.nix ]')}"
    sources = _sources(plan, _flake(f"{{ nixosConfigurations = {{ {systems} }}; }}"))
    sources |= {f"{TOP}/nas.nix": "{ }"}
    assert _found(plan, sources) == []
    assert _states(plan, sources)["SEC-NET-001"] == "holds"


def test_a_rule_about_what_only_nix_resolves_is_unknown() -> None:
    """A module of another flake may set every option that no file here sets."""
    plan = _plan([])
    safe = '{ services.openssh.settings.PermitRootLogin = "no"; }'
    modules = "[ ./configuration.nix inputs.other.nixosModules.default ]"
    sources = _sources(plan, _flake(f"{{ nixosConfigurations.{_system(modules)} }}"), safe)
    states = _states(plan, sources)
    assert states.pop("SEC-SSH-002") == "holds"
    assert {*states.values()} == {"unknown"}
    assert flake_modules(plan.hosts["nas"], sources).unread == (
        "inputs.other.nixosModules.default",
    )
    # What the file itself breaks is broken, whatever the other module does.
    broken = _states(plan, _sources(plan, _flake(f"{{ nixosConfigurations.{_system(modules)} }}")))
    assert {broken[rule] for rule in BROKEN} == {"broken"}


def test_an_unread_import_of_a_module_makes_rules_unknown() -> None:
    plan = _plan([])
    module = "{ inputs, ... }: { imports = [ inputs.other.nixosModules.x ]; }"
    states = _states(plan, _sources(plan, LISTED["a file"], module))
    assert {*states.values()} == {"unknown"}
    generated = '{ modulesPath, ... }: { imports = [ (modulesPath + "/installer/scan/not-detected.nix") ]; }'
    assert _states(plan, _sources(plan, LISTED["a file"], generated))["SEC-NET-001"] == "holds"


COMPUTED = (
    "{ nixosConfigurations = builtins.mapAttrs (n: m: nixpkgs.lib.nixosSystem { modules = m; }) "
    "{ nas = [ ./configuration.nix ]; }; }"
)


def test_a_flake_that_computes_its_systems_is_unknown_and_its_files_are_warnings() -> None:
    plan = _plan(MANAGED)
    sources = _sources(plan, _flake(COMPUTED))
    states = _states(plan, sources)
    assert {states[rule] for rule in BROKEN} == {"unknown"}
    found = _found(plan, sources)
    assert {p.severity for p in found} == {"warning"}
    assert len(found) == 2
    assert all("if nixosConfigurations.nas has this module" in p.what for p in found)


def test_no_rule_holds_on_a_host_whose_modules_are_all_unread() -> None:
    plan = _plan([])
    states = _states(plan, _sources(plan, _flake(COMPUTED), "{ }"))
    applying = {r.id for r in BASELINE if r.applies(plan.hosts["nas"])}
    assert states == dict.fromkeys(sorted(applying), "unknown")
