"""A Nix file read for the paths and inputs that it names."""

from __future__ import annotations

import pytest

from homelab.nix.code import inputs_in, paths_in


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{ imports = [ ./disk.nix ../common/ssh.nix ]; }", ["./disk.nix", "../common/ssh.nix"]),
        ("{ imports = [ (import ./a.nix { }) ./dir ./. ]; }", ["./a.nix", "./dir", "./."]),
        ("# ./a.nix\n/* ./b.nix\n ./c.nix */ { }", []),
        ('{ x = "./a.nix"; y = "a \\" ./b.nix"; }', []),
        ("{ x = ''\n ./a.nix ''${./b.nix} ''' ./c.nix '';  y = ./d.nix; }", ["./d.nix"]),
        ('{ x = "${./a.sh}/b"; y = "$${./b.sh}"; }', ["./a.sh"]),
        ("{ x = ''${./a.sh} --flag''; }", ["./a.sh"]),
        ('{ x = "${toString { a = "}"; }} ${./a}"; }', ["./a"]),
        ("{ x = builtins.readFile ./motd; y = a/b; z = /etc/x; w = a.b/c; }", ["./motd"]),
        ("{ x = a ./b; y = [./c]; z = (./d); }", ["./b", "./c", "./d"]),
        ("{ x = ./modules/${name}; y = ./a-${b}.nix; }", ["./modules", "."]),
        ("{ a = ./a/; b = ./a; }", ["./a"]),
    ],
)
def test_paths_are_found_in_code_and_nowhere_else(text: str, paths: list[str]) -> None:
    assert list(paths_in(text)) == paths


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("{ inputs, ... }: { imports = [ inputs.disko.nixosModules.disko ]; }", {"disko"}),
        ("{ inputs, ... }: let inherit (inputs) a b; in { }", {"a", "b"}),
        ("# inputs.disko\n{ buildInputs.x = 1; nativeinputs.y = 2; }", set()),
        ('{ x = "${inputs.a}/x inputs.b"; }', {"a"}),
    ],
)
def test_inputs_are_found_in_code_and_nowhere_else(text: str, inputs: set[str]) -> None:
    assert inputs_in(text) == inputs
