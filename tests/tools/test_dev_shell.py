"""The development shell for NixOS: what `nix develop` and `nix-shell` read."""

from __future__ import annotations

import json
import os

import pytest

from tests import build
from tests.tools.programs import evaluate, formatted, run

FILES = ("flake.nix", "shell.nix")


@pytest.mark.parametrize("name", FILES)
def test_it_parses_and_is_formatted(name: str, tmp_path) -> None:
    done = run("nix-instantiate", "--parse", build.ROOT / name)
    assert done.returncode == 0, done.stderr
    assert formatted(tmp_path, [(build.ROOT / name).read_text(encoding="utf-8")]) == []


def test_its_lock_names_one_revision_of_its_input() -> None:
    nodes = json.loads((build.ROOT / "flake.lock").read_text(encoding="utf-8"))["nodes"]
    assert set(nodes) == {"root", "nixpkgs"}
    flake = (build.ROOT / "flake.nix").read_text(encoding="utf-8")
    locked = nodes["nixpkgs"]
    assert f"github:NixOS/nixpkgs/{locked['original']['ref']}" in flake
    assert len(locked["locked"]["rev"]) == 40


@pytest.mark.requirement("S0-69")
def test_a_shell_and_an_app_come_out_of_it(tmp_path) -> None:
    nixpkgs = os.environ.get("HOMELAB_NIXPKGS")
    if not nixpkgs or not (build.ROOT / nixpkgs / "pkgs").exists():
        pytest.skip("HOMELAB_NIXPKGS names no whole nixpkgs")
    overlay = """(self: super: {
      uv = super.uv or super.hello;
      writeShellApplication = a: super.writeShellScriptBin a.name a.text;
    })"""
    got = evaluate(
        f"""let
          pkgs = import {nixpkgs} {{ system = "x86_64-linux"; overlays = [ {overlay} ]; }};
          legacyPackages = pkgs.lib.genAttrs [ "x86_64-linux" ] (_: pkgs);
          flake = (import {build.ROOT}/flake.nix).outputs {{
            nixpkgs = {{ inherit (pkgs) lib; inherit legacyPackages; }};
          }};
        in {{
          shell = (import {build.ROOT}/shell.nix {{ inherit pkgs; }}).drvPath;
          develop = flake.devShells.x86_64-linux.default.drvPath;
          app = flake.apps.x86_64-linux.default.program;
        }}""",
        tmp_path,
    )
    assert got["shell"] == got["develop"]
    assert got["app"].endswith("/bin/homelab")
