"""No option and no module lets a service past the VPN to which it is confined."""

from __future__ import annotations

import pytest

from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from homelab.problems import Problem
from tests import build
from tests.site.ways_out.stacks import both
from tests.vpn.stack import MEMBERS
from tests.vpn.test_vpn import INSIDE

_UNIT = "systemd.services.jellyfin.serviceConfig"
NAMESPACE = (
    f'{_UNIT}.NetworkNamespacePath = lib.mkForce "";',
    f"{_UNIT}.NetworkNamespacePath = lib.mkForce null;",
    f'{_UNIT}.NetworkNamespacePath = "/run/netns/other";',
    "systemd.services.netns-privado.enable = false;",
    'systemd.services.netns-privado.script = lib.mkForce "true";',
)
KILLSWITCH = (
    f'{_UNIT}.User = lib.mkForce "kim";',
    f'{_UNIT}.Group = "media";',
    f"{_UNIT}.DynamicUser = true;",
    'services.jellyfin.group = "media";',
    "services.jellyfin.user = import ./user.nix;",
    "users.users.jellyfin.uid = lib.mkForce 5;",
    'users.users.jellyfin.group = lib.mkForce "media";',
    "users.groups.jellyfin.gid = lib.mkForce 5;",
    "systemd.services.vpn-killswitch.enable = false;",
    'systemd.services.vpn-killswitch.script = lib.mkForce "true";',
    "systemd.services.vpn-killswitch.requiredBy = lib.mkForce [ ];",
)


def told(stack: dict[str, object], line: str) -> list[Problem]:
    plan = build.plan(both(stack, {"hosts": {"nas": {"modules": ["own.nix"]}}}))
    found = check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"})
    return [p for p in found if p.severity == "error"]


@pytest.mark.parametrize("line", NAMESPACE)
def test_a_module_leaves_a_service_in_the_namespace_of_its_vpn(line: str) -> None:
    (problem,) = told(INSIDE, line)
    assert problem.check == "forbidden-patterns"
    assert "privado" in problem.what
    # The same says nothing of a service without a VPN.
    assert told({"services": {"jellyfin": {"host": "nas"}}}, line) == []


@pytest.mark.parametrize("line", KILLSWITCH)
def test_a_module_leaves_a_service_behind_its_kill_switch(line: str) -> None:
    (problem,) = told(MEMBERS, line)
    assert problem.check == "forbidden-patterns"
    assert "privado" in problem.what
    assert told({"services": {"jellyfin": {"host": "nas"}}}, line) == []


@pytest.mark.parametrize(
    ("stack", "line"),
    [
        (INSIDE, f'{_UNIT}.NetworkNamespacePath = "/run/netns/privado";'),
        (INSIDE, 'services.jellyfin.group = "media";'),
        (MEMBERS, 'services.jellyfin.user = "jellyfin";'),
        (MEMBERS, f"{_UNIT}.DynamicUser = false;"),
        (MEMBERS, 'systemd.services.vpn-killswitch.after = [ "x.service" ];'),
        (MEMBERS, "users.users.kim.uid = 1005;"),
    ],
)
def test_what_keeps_a_service_in_its_vpn_passes(stack: dict[str, object], line: str) -> None:
    assert told(stack, line) == []


def test_an_option_leaves_a_service_in_the_namespace_of_its_vpn() -> None:
    options = {"systemd.services.jellyfin.serviceConfig.NetworkNamespacePath": ""}
    changes = both(INSIDE, {"services": {"jellyfin": {"options": options}}})
    (problem,) = run_checks(build.plan(changes), ["option-opens"])
    assert "would not be in the network of privado" in problem.what
