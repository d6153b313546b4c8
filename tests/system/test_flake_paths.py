"""Paths in own modules that a flake cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.project.stack import check_stack
from homelab.problems import Problem
from tests import stackdir

FILE = "hosts/nas/own.nix"


def found(place: Path, text: str) -> list[Problem]:
    """Problems of these paths in a stack whose nas has this module."""
    files = {FILE: text, "hosts/nas/x.nix": "{ }\n"}
    stackdir.write_stack(place, {"hosts": {"nas": {"modules": [FILE]}}})
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")
    return [p for p in check_stack(place, stackdir.NAME)[1] if p.check == "flake-path"]


@pytest.mark.parametrize(
    ("written", "severity", "way_out"),
    [
        ("<home-manager/nixos>", "error", "inputs.home-manager.nixosModules.default"),
        ("<nixpkgs>", "error", "use the argument pkgs"),
        ("<nixpkgs/nixos/modules/x.nix>", "error", 'write "${modulesPath}/x.nix"'),
        ("<nixpkgs/lib>", "error", 'write "${inputs.nixpkgs}/lib"'),
        ("<secrets>", "error", "homelab:flakes"),
        ("~/x.nix", "error", "copy the file beside the module"),
        ("/etc/nixos/x.nix", "warning", 'write "/etc/nixos/x.nix"'),
    ],
)
def test_a_path_that_a_flake_cannot_read_is_a_problem_with_its_line(
    tmp_path: Path, written: str, severity: str, way_out: str
) -> None:
    (problem,) = found(tmp_path / "s", f"{{\n  # mine\n  imports = [ {written} ];\n}}\n")
    assert (problem.where, problem.severity) == ("hosts.nas.modules[0]", severity)
    assert (problem.file, problem.line) == (FILE, 3)
    assert written in problem.what
    assert way_out in problem.way_out


@pytest.mark.parametrize(
    "text",
    [
        "{ pkgs ? import <nixpkgs> { }, ... }: { }\n",
        "{ x = import <nix/fetchurl.nix>; }\n",
        '{ x = "<nixpkgs> /etc/x"; imports = [ ./x.nix ]; }\n',
        "{ } # <nixpkgs>\n",
    ],
)
def test_a_path_that_a_flake_can_read_or_does_not_evaluate_is_no_problem(
    tmp_path: Path, text: str
) -> None:
    assert found(tmp_path / "s", text) == []


def test_a_file_that_a_module_imports_is_read_too(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, {"hosts": {"nas": {"modules": [FILE]}}})
    (tmp_path / FILE).write_text("{ imports = [ ./more.nix ]; }\n", encoding="utf-8")
    (tmp_path / "hosts/nas/more.nix").write_text("{\n  x = <y>;\n}\n", encoding="utf-8")
    problems = [p for p in check_stack(tmp_path, stackdir.NAME)[1] if p.check == "flake-path"]
    assert [(p.file, p.line) for p in problems] == [("hosts/nas/more.nix", 2)]
