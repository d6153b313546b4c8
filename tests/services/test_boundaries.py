"""Nothing works around the plan: not an option, not a container, not an agent, not a retirement."""

from __future__ import annotations

import pytest

from tests import build
from tests.openings.test_openings import of_module

TAILNET = {
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "ts/id"},
        "client_secret": {"sops": "ts/secret"},
        "owners": ["sam@example.org"],
    }
}
IMAGE = "ghcr.io/a/b:1@sha256:" + "0" * 64


@pytest.mark.parametrize(
    "option",
    [
        {"services.jellyfin.openFirewall": True},
        {"networking.firewall.allowedTCPPorts": [9000]},
    ],
)
@pytest.mark.requirement("S2-10")
def test_an_option_opens_no_port(option: dict[str, object]) -> None:
    """Reach and the firewall's own comment would be wrong."""
    service = {"host": "nas", "backup": {"skip": "only a test"}}
    assert not build.found({"services": {"jellyfin": service}}, "open-firewall-ban")
    broken = {"services": {"jellyfin": {**service, "options": option}}}
    (problem,) = build.found(broken, "open-firewall-ban")
    assert problem.where.startswith("services.jellyfin.options.")
    assert "route" in problem.way_out


@pytest.mark.parametrize(
    "line",
    [
        "networking.firewall.allowedTCPPorts = [ 8080 ];",
        'networking.firewall = { trustedInterfaces = [ "lan0" ]; };',
        "networking.firewall.enable = false;",
    ],
)
@pytest.mark.requirement("S0-60")
def test_a_module_opens_no_port(line: str) -> None:
    (told,) = of_module("# fine\n  " + line)
    assert told.what.startswith("own.nix:4: ")
    assert of_module("services.gatus.enable = true;") == []


@pytest.mark.requirement("S0-06")
def test_an_agent_logs_in_on_no_builder() -> None:
    """Who may build is trusted by the builder's Nix."""
    agent = {"hosts": {"nas": {"role": "agent"}}}
    assert not build.found({**TAILNET, **agent}, "agent-posture")
    built = {"hosts": {"nas": {"role": "agent", "build": {"host": "pi"}}}}
    (problem,) = build.found({**TAILNET, **built}, "agent-posture")
    assert problem.where == "hosts.nas.build.host"


@pytest.mark.requirement("S0-08")
def test_a_builders_account_runs_one_command() -> None:
    files = build.render({"hosts": {"pi": {"build": {"host": "nas"}}}})
    assert 'restrict,command=\\"nix-daemon --stdio\\" ssh-ed25519' in files["nas"]["nix.nix"]


@pytest.mark.requirement("S0-80")
def test_a_retired_host_can_still_be_reached_over_the_tailnet() -> None:
    """The switch that retires it is confirmed over every path that worked before."""
    files = build.render({**TAILNET, "hosts": {"nas": {"state": "retired"}}})["nas"]
    assert "services.tailscale" in files["tailnet.nix"]
    assert "tailscale0" in files["firewall.nix"]


@pytest.mark.requirement("S0-12")
def test_a_containers_port_on_the_tailnet_is_for_the_tailnet_alone() -> None:
    """Podman redirects by address, so a device on the LAN could go round the gate."""
    container = {"host": "nas", "port": 8088, "container": {"image": IMAGE, "port": 80}}
    files = build.render({**build.TAILNET, "services": {"draw": container}})
    text = files["nas"]["services/draw.nix"]
    assert 'ip daddr 100.64.0.3 tcp dport 8088 iifname != { "lo", "tailscale0" } drop' in text
    at_home = build.render({"services": {"draw": {**container, "host": "pi"}}})
    assert "nftables" not in at_home["pi"]["services/draw.nix"]


@pytest.mark.requirement("S0-45")
def test_the_monitor_on_the_resolvers_host_asks_the_resolver() -> None:
    """That host does not use itself, and would find none of the names it watches."""
    services = {"gatus": {"host": "pi"}, "miniflux": {"host": "nas"}}
    here = build.render({"services": services})["pi"]["monitoring.nix"]
    assert 'dns-resolver = "udp://127.0.0.1:53"' in here
    elsewhere = {"services": {**services, "gatus": {"host": "nas"}}}
    assert "dns-resolver" not in build.render(elsewhere)["nas"]["monitoring.nix"]


@pytest.mark.requirement("S0-35", "S0-54")
def test_photos_in_a_dataset_take_their_dumps_and_excludes_along() -> None:
    """The directory that is backed up is the one that is written."""
    changes = {
        "datasets": {"photos": {"host": "nas", "path": "/mnt/photos", "tier": "irreplaceable"}},
        "backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/b"}}},
        "services": {"immich": {"host": "nas", "datasets": {"photos": "photos"}}},
    }
    jobs = {j.name: j for j in build.plan(changes).backup.jobs}
    assert jobs["immich"].paths == ("/mnt/photos/_immich-managed/backups",)
    assert "/mnt/photos/_immich-managed/thumbs" in jobs["dataset-photos"].exclude
    assert "backups" not in build.render(changes)["nas"]["hardening.nix"]
