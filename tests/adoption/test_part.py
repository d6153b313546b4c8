"""What `homelab adopt part` says about a line of an own module that a generated file has too."""

from __future__ import annotations

import pytest

from homelab.adoption.part import overlaps
from homelab.openings.checks import check_openings
from homelab.render import wanted_modules
from tests import build

OWN = "hosts/nas/own.nix"


def _verdicts(text: str, **host: object) -> list[str]:
    plan = build.plan({"hosts": {"nas": {"manage": ["system"], "modules": [OWN], **host}}})
    nas = plan.hosts["nas"]
    sources = {**build.sources(plan), OWN: text}
    modules = wanted_modules(plan, nas)
    return [o.verdict for o in overlaps(nas, modules, sources) if o.file == OWN]


@pytest.mark.parametrize(
    ("option", "field", "stack", "machine"),
    [
        ("system.stateVersion", "state_version", "25.11", "24.05"),
        ("networking.hostId", "host_id", "00bab10c", "4e98920d"),
    ],
)
def test_a_value_that_belongs_to_the_data_of_the_machine_is_written_into_the_stack(
    option: str, field: str, stack: str, machine: str
) -> None:
    (verdict,) = _verdicts(f'{{ {option} = "{machine}"; }}', **{field: stack})
    assert verdict == (
        f'another value, and that of the machine is right: write hosts.nas.{field}: "{machine}"'
    )
    (same,) = _verdicts(f'{{ {option} = "{stack}"; }}', **{field: stack})
    assert same == "the same value, so this line is superfluous"


def test_a_module_inside_an_extended_flake_overlaps_too() -> None:
    pin = {"release": "25.11", "url": build.URL, "lock": "hosts/nas/nixos/flake.lock"}
    extends = {"extends": {"flake": "hosts/nas/nixos"}, "hardware": None, "nixpkgs": "nas"}
    nas = {**extends, "manage": ["system"], "state_version": "24.05"}
    plan = build.plan({"nixpkgs": {"nas": pin}, "hosts": {"nas": nas}})
    host = plan.hosts["nas"]
    found = [*overlaps(host, wanted_modules(plan, host), build.sources(plan))]
    (version,) = [str(o) for o in found if o.option == "system.stateVersion"]
    assert version.startswith("hosts/nas/nixos/flake.nix:12: ")
    assert version.endswith('write hosts.nas.state_version: "25.11"')


def test_a_module_with_another_state_version_names_the_field_of_the_stack() -> None:
    plan = build.plan({"hosts": {"nas": {"modules": [OWN]}}})
    sources = {**build.sources(plan), OWN: '{ system.stateVersion = "24.05"; }'}
    (found,) = [p for p in check_openings(plan, sources) if p.check == "state-moved"]
    assert 'write hosts.nas.state_version: "24.05"' in found.way_out
