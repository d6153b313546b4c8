"""Nix finds a mistake of each kind in a stack, and the problem names its place."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from homelab.ops.project.stack import open_stack
from homelab.problems import Problem
from tests import stackdir
from tests.evaluation.nixpkgs import evaluated

pytestmark = pytest.mark.nixpkgs

OWN = "hosts/nas/extra.nix"


class Case(NamedTuple):
    """A mistake, and the expected problem."""

    own: str
    """Text of an own module of the host."""
    where: str
    line: int
    """Line of that module; 0 if the place is in the stack file."""
    says: str
    options: dict[str, object] | None = None
    """Options of the service in the stack."""


MODULE = "hosts.nas.modules[0]"
JELLYFIN = "services.jellyfin"
FINE = "{ }\n"

MISTAKES = {
    "a mistyped option": Case(
        "{\n  services.openssh.enabel = true;\n}\n", MODULE, 2, "`services.openssh.enabel'"
    ),
    "a value of another type": Case(
        "{\n  services.openssh.gatewayPorts = 22;\n}\n", MODULE, 2, "is not of type"
    ),
    "a value that another module has": Case(
        '{\n  # two\n  fileSystems."/".fsType = "xfs";\n}\n', MODULE, 3, "conflicting"
    ),
    "a failed assertion of one's own": Case(
        '{\n  assertions = [ { assertion = false; message = "no disk is left"; } ];\n}\n',
        MODULE,
        2,
        "failed: no disk is left",
    ),
    "a failed assertion of nixpkgs": Case(
        "{\n  services.printing.enable = true;\n  boot.loader.grub.enable = true;\n}\n",
        MODULE,
        3,
        "boot.loader.grub.devices",
    ),
    "a warning of one's own": Case(
        '{\n  warnings = [ "the disk is full" ];\n}\n', MODULE, 2, "the disk is full"
    ),
    "infinite recursion": Case(
        "{ config, ... }:\n{\n  services.openssh.extraConfig = config.services.openssh.extraConfig;\n}\n",
        MODULE,
        3,
        "infinite recursion",
    ),
    "a missing file": Case(
        '{\n  imports = [ (./. + "/not-there.nix") ];\n}\n', MODULE, 2, "not-there.nix"
    ),
    "an unknown name": Case(
        "{\n  services.openssh.gatewayPorts = lib.mkForce 22;\n}\n", MODULE, 2, "undefined variable"
    ),
    "an unknown package": Case(
        "{ pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.no-such-thing ];\n}\n",
        MODULE,
        3,
        "no-such-thing",
    ),
    "a service without what it requires": Case(
        "{\n  services.gitea.enable = true;\n  services.gitolite.enable = true;\n}\n",
        MODULE,
        3,
        "services.gitolite.adminPubkey",
    ),
    "a unit that is confined less": Case(
        # Of a value that it can read, the check tells before.
        "{ lib, ... }:\n{\n  systemd.services.jellyfin.serviceConfig.ProtectHome = lib.mkForce (1 == 2);\n"
        "}\n",
        JELLYFIN,
        0,
        "jellyfin.service gets ProtectHome=false, and its sandbox has true",
    ),
    "a rule of the security baseline": Case(
        '{ lib, ... }:\n{\n  boot.kernelParams = lib.mkForce [ "mitigations=off" ];\n}\n',
        MODULE,
        3,
        "SEC-KERN-002: boot.kernelParams is mitigations=off",
    ),
    "a number that two accounts have": Case(
        "{\n  users.users.kim = { isNormalUser = true; uid = 1234; };\n}\n",
        f"{JELLYFIN}.options.users.users.jellyfin.uid",
        0,
        f"uid 1234 is that of jellyfin ({JELLYFIN}.options.users.users.jellyfin.uid) and kim ({OWN}:2)",
        {"users.users.jellyfin.uid": 1234},
    ),
    "a path of the tree in a message": Case(
        '{\n  warnings = [ "${toString ./extra.nix} is old" ];\n}\n',
        MODULE,
        0,
        f"{OWN} is old",
    ),
    "a setting of a unit that systemd does not know": Case(
        FINE,
        f"{JELLYFIN}.options.systemd.services.jellyfin.serviceConfig.Restart",
        0,
        "Systemd Service field `Restart' cannot have value `sometimes'",
        {
            "systemd.services.jellyfin.serviceConfig.Restart": "sometimes",
            "systemd.services.jellyfin.serviceConfig.TimeoutStopSec": 5,
        },
    ),
    "a unit that cannot be written": Case(
        FINE,
        f"{JELLYFIN}.options.systemd.timers.jellyfin.timerConfig.OnBootSec.x",
        0,
        "cannot coerce a set to a string",
        {"systemd.timers.jellyfin.timerConfig.OnBootSec.x": 5},
    ),
    "an option of the stack of another type": Case(
        FINE,
        "services.jellyfin.options.services.jellyfin.group",
        0,
        "is not of type",
        {"services.jellyfin.group": 5},
    ),
    "an option of the stack that does not exist": Case(
        FINE,
        "services.jellyfin.options.services.jellyfin.zeal",
        0,
        "services.jellyfin.zeal",
        {"services.jellyfin.zeal": "media"},
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_with_its_place(name: str, tmp_path: Path) -> None:
    case = MISTAKES[name]
    found = _found(tmp_path, case.own, case.options)
    assert [p for p in found if case.says in p.what], found
    said = next(p for p in found if case.says in p.what)
    assert said.where == case.where
    if case.where == MODULE:
        assert (said.file, said.line) == (OWN, case.line)
    else:
        assert said.file == f"Pulumi.{stackdir.NAME}.yaml"
        assert said.line
    assert str(tmp_path) not in str(said)
    assert "/tmp/" not in str(said)


def test_without_a_mistake_there_is_no_problem(tmp_path: Path) -> None:
    assert _found(tmp_path, FINE, None) == []


def _found(top: Path, own: str, options: dict[str, object] | None) -> list[Problem]:
    changes = {
        "hosts": {"nas": {"modules": [OWN]}},
        "services": {"jellyfin": {"host": "nas", "options": options or {}}},
    }
    stack = stackdir.write_stack(top / "stack", changes)
    (stack / OWN).write_text(own, encoding="utf-8")
    nixpkgs = top / "nixpkgs"
    nixpkgs.mkdir()
    return list(evaluated(open_stack(stack, stackdir.NAME), "nas", nixpkgs).problems)
