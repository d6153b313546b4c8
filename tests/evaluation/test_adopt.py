"""An adopted host is the system that it was; then one part, one service, and its own flake."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from homelab.nix import print_value
from homelab.ops.eject import eject
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import Stack, open_stack
from homelab.ops.project.trees import write_releases
from tests.adoption.machines import Kind, adopted, lock_inputs
from tests.evaluation.nixpkgs import ask, inputs

pytestmark = pytest.mark.nixpkgs
_INPUTS = (resources.files("homelab.evaluation") / "inputs.nix").read_text()
KINDS: list[Kind] = ["flake", "channel"]


def opened(top: Path) -> Stack:
    with rehearsed():
        return open_stack(top, "home")


def derivation(stack: Stack, tree: Path, place: Path, of: str = "toplevel.drvPath") -> object:
    """The system of a flake in a directory."""
    known = inputs(stack.plan, stack.plan.hosts["nas"], place)
    flake = (tree / "flake.nix").read_text()
    # A flake may name its inputs one by one and refuse others.
    paths = print_value({n: p for n, p in sorted(known.items()) if re.search(rf"\b{n}\b", flake)})
    # As Nix fetches a flake: it evaluates a copy in the store.
    copied = f'(builtins.path {{ path = {tree}; name = "source"; }})'
    call = f"({_INPUTS}) {{ tree = {copied}; paths = builtins.mapAttrs (_: p: /. + p) {paths}; }}"
    return ask(f"({call}).nixosConfigurations.nas.config.system.build.{of}", write=True)


def before(top: Path, kind: Kind, place: Path) -> Path:
    """The flake of the machine before it was adopted; of its channel, the same as a flake."""
    own = top / "hosts/nas/nixos"
    if kind == "flake":
        return own
    place.mkdir()
    system = f"nixpkgs.lib.nixosSystem {{ modules = [ {own}/configuration.nix ]; }}"
    text = f"{{ outputs = {{ self, nixpkgs }}: {{ nixosConfigurations.nas = {system}; }}; }}\n"
    (place / "flake.nix").write_text(text)
    return place


def rendered(stack: Stack, place: Path, *, tags: bool = False) -> Path:
    """The tree of the host; without what only marks its release."""
    write_releases(place, stack.releases)
    if not tags:
        (place / "nas/release.nix").write_text("{ }\n")
    return place / "nas"


def with_sops(top: Path, kind: Kind) -> None:
    """Add the input that secrets need, and lock it, as the check says."""
    flake = top / ("hosts/nas/nixos" if kind == "flake" else "hosts/nas/pin")
    text = (flake / "flake.nix").read_text()
    more = (
        '  inputs.sops-nix.url = "github:Mic92/sops-nix";\n'
        '  inputs.sops-nix.inputs.nixpkgs.follows = "nixpkgs";\n'
    )
    (flake / "flake.nix").write_text(text.replace("  outputs =", f"{more}  outputs ="))
    lock_inputs(flake / "flake.lock", "nixpkgs", "sops-nix", revision=kind == "channel")


def managing(top: Path, *parts: str, more: str = "") -> Stack:
    file = top / "Pulumi.home.yaml"
    text = re.sub(r"manage: \[.*\]", f"manage: [{', '.join(parts)}]", file.read_text())
    file.write_text(text + more)
    return opened(top)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adopted_host_is_the_same_derivation_but_for_our_tags(
    kind: Kind, tmp_path: Path
) -> None:
    top, _ = adopted(tmp_path, kind)
    stack = opened(top)
    was = derivation(stack, before(top, kind, tmp_path / "before"), tmp_path)
    assert str(was).endswith(".drv")
    assert derivation(stack, rendered(stack, tmp_path / "same"), tmp_path) == was
    assert derivation(stack, rendered(stack, tmp_path / "tagged", tags=True), tmp_path) != was


@pytest.mark.parametrize("kind", KINDS)
def test_one_part_after_the_other_is_taken_over_and_the_host_leaves_again(
    kind: Kind, tmp_path: Path
) -> None:
    top, _ = adopted(tmp_path, kind)
    # Time zone and host name of the machine are those of the stack: the same system again, but for
    # the facts, and for what the machine had not said.
    stack = managing(top, "system")
    etc = derivation(stack, rendered(stack, tmp_path / "part"), tmp_path, "etc.drvPath")
    assert etc != derivation(stack, before(top, kind, tmp_path / "before"), tmp_path, "etc.drvPath")
    news = """\
  homelab:services:
    miniflux: {host: nas, name: news, backup: {skip: "it is a test"}}
"""
    with_sops(top, kind)
    # The stack has all of this file now, and its open port is refused.
    (top / "hosts/nas/nixos/modules/web.nix").write_text("{ }\n")
    stack = managing(
        top, "system", "services", "secrets", "hardening", "proxy", "firewall", more=news
    )
    tree = rendered(stack, tmp_path / "service", tags=True)
    whole = derivation(stack, tree, tmp_path)
    assert str(whole).endswith(".drv")
    eject(stack, tmp_path / "own")
    for place in (tree, tmp_path / "own/hosts/nas"):
        release = place / "release.nix"
        text = release.read_text()
        release.write_text(text.replace('"homelab/source".source = ./.;', ""))
    assert derivation(stack, tree, tmp_path) == derivation(stack, tmp_path / "own", tmp_path)
