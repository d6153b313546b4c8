"""An ejected host is the same system as the host's own tree."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from homelab.nix import print_value
from homelab.ops.eject import eject
from homelab.ops.project.stack import Stack, open_stack
from homelab.ops.project.trees import write_releases
from tests.build import ROOT, SHIPPED
from tests.evaluation.nixpkgs import ask, inputs

pytestmark = pytest.mark.nixpkgs
_INPUTS = (resources.files("homelab.evaluation") / "inputs.nix").read_text()
SOURCE = '"homelab/source".source = ./.;'
"""The tree of a host is part of its system, and only there is its flake.nix."""


@pytest.mark.parametrize(
    ("top", "name", "host"),
    [
        (SHIPPED, "home", "pi"),
        (SHIPPED, "home", "workstation"),
        (SHIPPED, "home", "pavilion"),
        (ROOT / "examples/lan", "lan", "door"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_ejected_host_is_the_same_derivation(
    top: Path, name: str, host: str, tmp_path: Path
) -> None:
    stack = open_stack(top, name)
    write_releases(tmp_path / "own", stack.releases)
    eject(stack, tmp_path / "all")
    for tree in (tmp_path / "own" / host, tmp_path / "all/hosts" / host):
        release = tree / "release.nix"
        text = release.read_text()
        assert text.count(SOURCE) == 1
        release.write_text(text.replace(SOURCE, '"homelab/source".text = "the tree";'))
    own = derivation(stack, host, tmp_path / "own" / host, tmp_path)
    assert own == derivation(stack, host, tmp_path / "all", tmp_path)
    assert str(own).endswith(".drv")


def derivation(stack: Stack, host: str, tree: Path, place: Path) -> object:
    paths = print_value(dict(sorted(inputs(stack.plan, stack.plan.hosts[host], place).items())))
    call = f"({_INPUTS}) {{ tree = {tree}; paths = builtins.mapAttrs (_: p: /. + p) {paths}; }}"
    return ask(f'({call}).nixosConfigurations."{host}".config.system.build.toplevel.drvPath')
