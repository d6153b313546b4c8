"""Values that could become code, and single cases of owners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError
from homelab.tailnet.policy import policy
from tests import build
from tests.cases.on_disk import laid_out, rendered, tried
from tests.cases.test_openings import TAILNET, host, merged
from tests.cases.test_system import lock_with
from tests.golden.test_home import planned
from tests.tools.libraries import set_by_libraries

HOSTILE = ('eth0"; accept #', "eth0 }", "default ({ ... }: { })", "x\ny", "$(id)", "a b", "")
"""Texts that are code in nftables, Nix, tmpfiles, units or a shell."""
WORDS: dict[str, Any] = {
    "hosts.nas.interface": lambda word: {"hosts": {"nas": {"interface": word}}},
    "hosts.nas.wake_on_lan.interface": lambda word: {
        "hosts": {"nas": {"wake_on_lan": {"interface": word, "mac": "00:11:22:33:44:55"}}}
    },
    "services.x.flake.module": lambda word: _of_flake(module=word),
    "services.x.flake.unit": lambda word: _of_flake(unit=word),
    "datasets.photos.mode": lambda word: {
        "datasets": {"photos": {"host": "nas", "path": "/mnt/p", "tier": "user", "mode": word}}
    },
}
"""Fields whose value becomes part of code, and a stack that sets them."""


def _of_flake(**said: str) -> dict[str, Any]:
    service = {
        "host": "pi",
        "flake": {"input": "f", "unit": "x", **said},
        "port": 8099,
        "backup": {"skip": "it keeps nothing"},
    }
    return {"flakes": {"f": {"url": "github:a/b"}}, "services": {"x": service}}


@pytest.mark.parametrize("field", WORDS)
@pytest.mark.parametrize("word", HOSTILE)
def test_a_value_that_would_be_code_is_refused(field: str, word: str) -> None:
    with pytest.raises(InvalidStackError) as error:
        build.stack_config(WORDS[field](word))
    (problem,) = error.value.problems
    assert problem.where == field
    assert problem.way_out


@pytest.mark.parametrize("word", ["end0", "enp0s31f6", "wlp2s0", "eth0.10", "br-lan", "wan_1"])
def test_names_of_interfaces_are_accepted(word: str) -> None:
    assert build.stack_config(WORDS["hosts.nas.interface"](word)).hosts["nas"].interface == word


def test_a_service_of_a_flake_always_has_its_module(
    tmp_path: Path,
) -> None:
    """A service without state and secrets was once left out of its host's flake, although it has
    routes.
    """
    service = {
        "host": "pi",
        "name": "votes",
        "audience": "family",
        "auth": "native",
        "flake": {"input": "disko", "unit": "votes", "module": "votes.server"},
        "port": 8099,
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
    }
    edit: dict[str, Any] = {
        "flakes": {"disko": {"url": "github:nix-community/disko"}},
        "services": {"votes": service},
    }
    (problem,) = tried(laid_out(tmp_path / "a", edit))
    assert problem.check == "lock-complete", "the host's flake needs it"
    files = {"locks/nixos-25.11.lock": lock_with("disko")}
    stack = laid_out(tmp_path / "b", edit, files)
    assert tried(stack) == []
    pi = rendered(stack)["pi"]
    assert "inputs.disko.nixosModules.votes.server" in pi["flake.nix"]
    assert "https://votes.home.example.org" in pi["services/votes.nix"]


BOX = merged(TAILNET, {"hosts": {"box": host("agent")}})


@pytest.mark.parametrize(
    ("grant", "routed", "says"),
    [
        (
            {"src": ["100.64.0.0/10"], "dst": ["nas"], "ip": ["tcp:22"], "why": "all of us"},
            False,
            "box can reach nas:22",
        ),
        (
            {"src": ["tag:agent"], "dst": ["192.168.1.0/24"], "ip": ["tcp:22"], "why": "the LAN"},
            True,
            "tag:agent can reach 192.168.1.3:22",
        ),
    ],
    ids=["a network that holds the agent", "the LAN address behind a route"],
)
def test_an_agent_cannot_log_in_to_another_host(
    grant: dict[str, Any], routed: bool, says: str
) -> None:
    """The policy would fail its own tests, and is refused before Tailscale receives it."""
    routes = {"hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}}}
    made = merged(BOX, routes if routed else {}, {"tailnet": {"grants": [grant]}})
    found = build.found(made, "acl-lockout")
    assert any(says in p.what for p in found), found
    assert build.found(merged(BOX, routes if routed else {}), "acl-lockout") == []


def test_the_policy_tests_cover_grants_of_people_and_agents() -> None:
    """A policy that lacks a grant of the family or of the stack is refused."""
    plan = planned({})
    assert plan.tailnet is not None
    tests: Any = policy(plan.tailnet)["tests"]
    accepted = {(t["src"], place) for t in tests for place in t.get("accept", ())}
    assert {("kim@example.org", "pi:443"), ("tag:agent", "workstation:11434")} <= accepted


def test_a_backup_waits_for_a_disk_whose_path_has_a_blank() -> None:
    """systemd reads a list of words there, so an unescaped path would be split."""
    disk = {"kind": "local", "host": "nas", "path": "/mnt/One Touch/restic"}
    changes = {"backup": {"targets": {"disk": disk}}, "services": {"navidrome": {"host": "nas"}}}
    plan = build.plan(changes)
    made = set_by_libraries(plan, plan.hosts["nas"], "systemd.services", Path("/packages"))
    unit = made["systemd"]["services"]["restic-backups-navidrome-disk"]
    assert unit["unitConfig"] == {"RequiresMountsFor": ['"/mnt/One Touch/restic"']}


def test_a_backup_client_sees_only_its_own_repositories() -> None:
    """Root on the pi, with the pi's key, cannot read aurora's datasets or delete other backups."""
    plan = planned({"services": {"vaultwarden": {"host": "pi"}}})
    made = set_by_libraries(plan, plan.hosts["aurora"], "services.openssh", Path("/packages"))
    text = made["services"]["openssh"]["extraConfig"]
    assert "Match User restic-pi" in text
    assert "ChrootDirectory /mnt/onetouch/restic/pi\n" in text
    assert "ForceCommand internal-sftp" in text


def test_an_encoded_path_does_not_escape_an_exempt_prefix() -> None:
    """Traefik matches `/api/..%2fx` against a prefix unchanged, and passes it on."""
    from tests.household import household
    from tests.proxy.stack import changes

    text = build.render(household(changes("traefik")))["pi"]["proxy.nix"]
    line = next(x for x in text.splitlines() if "PathPrefix(`/api/`)" in x)
    assert "!PathRegexp(`" in line
