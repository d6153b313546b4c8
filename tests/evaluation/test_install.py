"""The first system of an installation, and the virtual machine of a host, evaluate with nixpkgs."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from homelab.install.first import first_tree
from homelab.install.vm import vm_tree
from homelab.nix import print_value
from homelab.ops.install.stand_ins import made_up
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import open_stack
from homelab.ops.project.trees import write_releases
from homelab.plan import Plan
from tests.build import SHIPPED
from tests.evaluation.nixpkgs import ask, inputs, is_old
from tests.install.test_first import LIVE, SOURCES, build, planned

pytestmark = pytest.mark.nixpkgs
_INPUTS = resources.files("homelab.evaluation").joinpath("inputs.nix").read_text("utf-8")
_LATER = """{ lib, ... }: {
  options.virtualisation = {
    forwardPorts = lib.mkOption { };
    restrictNetwork = lib.mkOption { };
  };
}"""
"""Options of QEMU machines that came with 21.11 and 22.11."""


def drv(top: Path, plan: Plan, host: str, name: str, attribute: str) -> object:
    """The derivation of an attribute of a system in a tree."""
    (top / "inputs").mkdir()
    named = print_value(dict(sorted(inputs(plan, plan.hosts[host], top / "inputs").items())))
    call = f"(({_INPUTS}) {{ tree = {top / host}; paths = builtins.mapAttrs (_: p: /. + p) {named}; }})"
    system = f'{call}.nixosConfigurations."{name}"'
    return ask(f"{system}.config.system.build.{attribute}.drvPath")


def test_the_first_system_evaluates(tmp_path: Path) -> None:
    plan = build.plan(planned(LIVE))
    sources = {**SOURCES, "hosts/nas/hardware.nix": "{ }\n"}
    tree = first_tree(plan, plan.hosts["nas"], sources, reinstall=True)
    write_releases(tmp_path, {"nas": tree})
    found = drv(tmp_path, plan, "nas", "nas", "toplevel")
    assert str(found).endswith(".drv")


def test_a_host_as_a_virtual_machine_evaluates(tmp_path: Path) -> None:
    stack = open_stack(SHIPPED, "home")
    plan, host = stack.plan, stack.plan.hosts["aurora"]
    sources, _ = read_sources(SHIPPED, plan)
    release = stack.releases["aurora"]
    made = made_up(plan, host)
    tree = vm_tree(plan, host, release, sources, made, memory_mib=2048, ssh_port=2222)
    write_releases(tmp_path, {"aurora": tree})
    if is_old():
        file = tmp_path / "aurora/vm.nix"
        # An activation script is a submodule since 21.05, whose parts merge.
        text = file.read_text().replace('homelab-secrets.deps = [ "homelab-vm" ];', "", 1)
        (tmp_path / "aurora/later.nix").write_text(_LATER)
        file.write_text(text.replace("./default.nix\n", "./default.nix\n    ./later.nix\n", 1))
    found = drv(tmp_path, plan, "aurora", "aurora-vm", "vm")
    assert str(found).endswith(".drv")
