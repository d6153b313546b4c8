"""The NixOS tests of critical services evaluate with nixpkgs, without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.install.service_test import write_tests
from homelab.ops.project.sources import read_sources
from tests.build import SHIPPED
from tests.evaluation.nixpkgs import NIXPKGS, ask, inputs, is_old
from tests.golden.test_home import planned

pytestmark = pytest.mark.nixpkgs
_TODAY = 'import {nixpkgs} {{ system = "{system}"; }}'
_OLD = """({today}) // {{
  testers.runNixOSTest = test: (import {nixpkgs}/nixos/lib/testing-python.nix {{
    system = "{system}";
    extraConfigurations = ((import {directory}/flake.nix).outputs {{ self = {{ }}; }}).old
      ++ [ {{ nixpkgs.hostPlatform = "{system}"; }} ];
  }}).makeTest (removeAttrs test [ "node" ]);
}}"""
"""Tests have been modules since 22.11; `node` is an option of those."""


@pytest.mark.parametrize(
    ("service", "host"), [("miniflux", "aurora"), ("navidrome", "aurora"), ("eurovote", "pi")]
)
@pytest.mark.requirement("S4-30")
def test_a_test_evaluates(tmp_path: Path, service: str, host: str) -> None:
    plan = planned({"services": {service: {"critical": True}}})
    write_tests(tmp_path, "home", plan, read_sources(SHIPPED, plan)[0])
    found = inputs(plan, plan.hosts[host], tmp_path)
    words = {"nixpkgs": NIXPKGS, "system": plan.hosts[host].config.platform}
    today = _TODAY.format(**words)
    pkgs = _OLD.format(today=today, directory=tmp_path, **words) if is_old() else today
    others = "".join(
        f"{name} = (import {path}/flake.nix).outputs {{ self = {{ }}; }};"
        for name, path in found.items()
        if name == "eurovote"
    )
    tests = f"import {tmp_path}/vm-tests/home {{ pkgs = {pkgs}; inputs = {{ {others} }}; }}"
    assert str(ask(f"({tests}).{service}.drvPath")).endswith("-vm-test-run-" + service + ".drv")
