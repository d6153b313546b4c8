"""Options that open more than they seem to are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError, Problem
from homelab.testing import merged
from tests import build
from tests.cases.on_disk import laid_out, tried
from tests.golden.test_home import planned

IMAGE = "docker.io/a/b:1@sha256:" + "0" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhVe57w8Kiuop2X8SfTwKti5loS/iB3Xp0+1Fr6F6Ql"
TAILNET: dict[str, Any] = {
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "ts/id"},
        "client_secret": {"sops": "ts/secret"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
    }
}


def app(**more: Any) -> dict[str, Any]:
    said = {
        "host": "nas",
        "container": {"image": IMAGE, "port": 80},
        "port": 8099,
        "backup": {"skip": "it keeps nothing"},
    }
    return {"services": {"x": merged(said, more)}}


def navidrome(**options: Any) -> dict[str, Any]:
    return {"services": {"navidrome": {"host": "nas", "options": options}}}


def host(role: str, **more: Any) -> dict[str, Any]:
    return {
        "platform": "x86_64-linux",
        "role": role,
        "state_version": "25.11",
        "hardware": "hosts/nas/hardware.nix",
        "address": {"lan": "192.168.1.30", "tailnet": "100.64.0.30"},
        "ssh": {"host_key": KEY},
        **more,
    }


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "container ports on every address": (
        app(options={"virtualisation.oci-containers.containers.x.ports": ["0.0.0.0:9999:80"]}),
        "option-opens",
        "past the firewall and the sign-in",
    ),
    "firewall ports, nested": (
        navidrome(networking={"firewall": {"allowedTCPPorts": [22, 1234]}}),
        "open-firewall-ban",
        "networking.firewall.allowedTCPPorts opens 22, 1234/tcp to every network",
    ),
    "openFirewall, nested": (
        navidrome(**{"services.navidrome": {"openFirewall": True}}),
        "open-firewall-ban",
        "services.navidrome.openFirewall opens some",
    ),
    "openFirewall, quoted": (
        navidrome(**{'services.navidrome."openFirewall"': True}),
        "open-firewall-ban",
        "services.navidrome.openFirewall opens some",
    ),
    "ssh by password": (
        navidrome(**{"services.openssh.settings": {"PasswordAuthentication": True}}),
        "option-opens",
        "lets people log in over SSH without a key",
    ),
    "root by password": (
        navidrome(**{"services.openssh.settings": {"PermitRootLogin": "yes"}}),
        "option-opens",
        "root may log in by password",
    ),
    "the LAN is everywhere": (
        {"network": {"lan": {"cidr": "0.0.0.0/0"}}},
        "lan-private",
        "machines on the internet have addresses in it",
    ),
    "the LAN is the tailnet": (
        {
            "network": {"lan": {"cidr": "100.64.0.0/10", "gateway": "100.64.0.1"}},
            "hosts": {h: {"address": {"lan": None}} for h in ("pi", "nas")},
        },
        "lan-private",
        "where the tailnet's own addresses lie",
    ),
    "a group of a mail provider": (
        {
            "cloudflare": {
                "tunnel": {"host": "pi"},
                "access": {"groups": {"all": {"domains": ["gmail.com"]}}},
            }
        },
        "access-group-wide",
        "anybody can get an address at gmail.com",
    ),
    "an agent builds for others": (
        {"hosts": {"box": host("agent"), "nas": {"build": {"host": "box"}}}},
        "agent-posture",
        "would build the system that nas runs as root",
    ),
    "everything is exempt": (
        merged(
            app(routes=[{"audience": "family", "auth": "forward", "exempt": ["/*"]}]),
            {"identity": {"host": "pi", "users": {"sops": "a/b"}}},
        ),
        "proxy-text",
        "so no request needs a sign-in",
    ),
    "a route to everywhere": (
        merged(TAILNET, {"hosts": {"pi": {"tailscale": {"subnet_routes": ["0.0.0.0/0"]}}}}),
        "subnet-route-width",
        "the whole internet",
    ),
    "a route to half of it": (
        merged(TAILNET, {"hosts": {"pi": {"tailscale": {"subnet_routes": ["128.0.0.0/1"]}}}}),
        "subnet-route-width",
        "mostly on the internet",
    ),
    "funnel for everybody": (
        merged(TAILNET, {"tailnet": {"node_attributes": [{"target": ["*"], "attr": ["funnel"]}]}}),
        "funnel-width",
        "publish anything on the internet",
    ),
    "root for members": (
        merged(
            TAILNET,
            {
                "tailnet": {
                    "ssh": [
                        {"src": ["autogroup:member"], "dst": ["tag:workhorse"], "users": ["root"]}
                    ]
                },
                "hosts": {"nas": {"tailscale": {"ssh": True}}},
            },
        ),
        "ssh-root",
        "autogroup:member would log in as root",
    ),
    "root by sudo for the family": (
        merged(
            TAILNET,
            {
                "tailnet": {
                    "ssh": [{"src": ["group:family"], "dst": ["tag:workhorse"], "users": ["sam"]}]
                },
                "hosts": {"nas": {"tailscale": {"ssh": True}}},
            },
        ),
        "ssh-root",
        "group:family would log in as sam, which is root",
    ),
    "guests write what is irreplaceable": (
        merged(
            TAILNET,
            {
                "datasets": {
                    "photos": {
                        "host": "nas",
                        "path": "/mnt/photos",
                        "tier": "irreplaceable",
                        "samba": {"guest": True},
                    }
                }
            },
        ),
        "smb-guest",
        "could delete it without a password",
    ),
    "samba without a share": (
        {"services": {"samba": {"host": "nas"}}},
        "smb-shares",
        "opens port 445, but no dataset",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_opens_too_much_is_refused(name: str) -> None:
    changes, check, says = REFUSED[name]
    found = build.found(changes, check)
    assert [p for p in found if says in p.what], found or name
    assert all(p.severity == "error" and p.way_out for p in found)


FINE: dict[str, tuple[dict[str, Any], str]] = {
    "a private LAN": ({}, "lan-private"),
    "the domain of a firm": (
        {
            "cloudflare": {
                "tunnel": {"host": "pi"},
                "access": {"groups": {"all": {"domains": ["example.org"]}}},
            }
        },
        "access-group-wide",
    ),
    "a route to the LAN": (
        merged(TAILNET, {"hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}}}),
        "subnet-route-width",
    ),
    "funnel for a tag": (
        merged(
            TAILNET,
            {"tailnet": {"node_attributes": [{"target": ["tag:workhorse"], "attr": ["funnel"]}]}},
        ),
        "funnel-width",
    ),
    "guests who read": (
        merged(
            TAILNET,
            {
                "datasets": {
                    "photos": {
                        "host": "nas",
                        "path": "/mnt/photos",
                        "tier": "irreplaceable",
                        "samba": {"guest": True, "read_only": True},
                    }
                }
            },
        ),
        "smb-guest",
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_an_option_that_opens_only_the_plan_passes(name: str) -> None:
    changes, check = FINE[name]
    assert build.found(changes, check) == []


def test_a_secret_in_plain_text_is_reported() -> None:
    changes = app(container={"environment": {"DB_PASSWORD": "hunter2-9f8e7d6c5b4a"}})
    (problem,) = build.found(changes, "secret-literal")
    assert "the Nix store" in problem.what
    assert "hunter2" not in str(problem)


def test_a_world_readable_secret_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="with none for others"):
        build.stack_config(app(secrets={"tok": {"mode": "0777"}}))


def test_building_on_a_more_trusted_host_needs_a_reason() -> None:
    """The entry host's key would have access to the builder, whose Nix trusts it."""

    def told(build_: dict[str, Any]) -> list[Problem]:
        said = {"hosts": {"pi": {"build": build_}}}
        return [p for p in build.problems(said) if p.check == "builder-trust"]

    (problem,) = told({"host": "nas"})
    assert problem.severity == "warning"
    assert "pi (appliance) builds on nas (workhorse), so it can become root there" in problem.what
    assert "hosts.pi.build.trusted" in problem.way_out
    assert told({"host": "nas", "trusted": "the Pi has no memory to build with"}) == []
    above = {"hosts": {"nas": {"build": {"host": "pi", "trusted": "there is no reason"}}}}
    (stale,) = build.found(above, "builder-trust")
    assert stale.where == "hosts.nas.build.trusted"


@pytest.mark.parametrize(
    ("name", "key", "github"),
    [
        ("github-token", "agent/a", True),
        ("token", "agent/github", True),
        ("gh", "agent/b", True),
        ("token", "agent/gh_pat", True),
        ("light", "agent/highlight", False),
        ("token", "agent/model", False),
    ],
)
def test_an_agent_host_cannot_have_a_github_credential(name: str, key: str, github: bool) -> None:
    secrets = {name: {"ref": {"sops": key}}}
    changes = app(host="box", secrets=secrets, routes=[])
    changes = merged(changes, {"hosts": {"box": host("agent")}})
    found = [p for p in build.found(changes, "agent-posture") if "GitHub" in p.what]
    assert bool(found) is github


def test_a_mistyped_tag_of_a_host_is_reported() -> None:
    def told(tag: str, check: str = "tag-used") -> list[Problem]:
        grants = [{"src": ["tag:camera"], "dst": ["nas"], "ip": ["tcp:443"], "why": "x"}]
        tags = {"nas": {"tailscale": {"tags": ["camera"]}}, "pi": {"tailscale": {"tags": [tag]}}}
        changes = merged(TAILNET, {"tailnet": {"grants": grants}, "hosts": tags})
        return build.found(changes, check)

    assert told("camera") == told("camera", "acl-tag-known") == []
    (problem,) = told("camrea", "acl-tag-known")
    assert problem.severity == "error"
    assert not told("camrea")
    assert 'did you mean "camera"?' in problem.way_out
    (lonely,) = told("printer")
    assert "opens nothing" in lonely.what


def test_docker_and_libvirt_beside_nftables_are_named(tmp_path: Path) -> None:
    """Containers and guests would lose their network, and ports that Docker publishes bypass the
    plan."""
    text = "{ virtualisation.docker.enable = true; virtualisation.libvirtd.enable = true; }\n"
    edit = {"hosts": {"aurora": {"modules": ["hosts/aurora/docker.nix"]}}}
    found = tried(laid_out(tmp_path, edit, {"hosts/aurora/docker.nix": text}))
    assert [p.check for p in found] == ["forbidden-patterns"] * 2
    assert "virtualisation.docker.enable writes its own firewall rules" in found[0].what
    assert "container:" in found[0].way_out


def test_the_shipped_stack_gives_the_reason_for_the_pis_builder() -> None:
    from homelab.checks import run_checks

    assert [p for p in run_checks(planned({})) if p.check == "builder-trust"] == []
    without = {"hosts": {"pi": {"build": {"trusted": None}}}}
    assert [p for p in run_checks(planned(without)) if p.check == "builder-trust"]
